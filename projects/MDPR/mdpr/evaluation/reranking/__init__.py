"""The third rung: what nearest neighbours among all images add to the distances.

- `reranking`: plain or re-ranked distances (`distance_source`); k-reciprocal distances
- `k_reciprocal`: the sparse encoding behind them
- `query_expansion`: features averaged with those of their neighbours
- `neighbours`, `candidates`: an exact search, and the fast one before it (GPU or CPU)
"""
