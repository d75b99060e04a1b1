"""The second rung: what distances and labels come to, as scores.

- `ranking`: the loop over blocks of queries, and the protocols
- `labels`: who is on which image; matches and junk of each query
- `scores`: AP, INP and CMC
- `single_shot`: the drawn galleries of the classic CUHK03 protocol
- `roc`: TPR at a fixed FPR
"""
