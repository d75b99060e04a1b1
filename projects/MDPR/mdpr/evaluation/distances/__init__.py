"""The lowest rung: distances between features, and order within rows of them.

- `sources`: what a ranking reads distances from, and a matrix of them as a source
- `feature_distances`: features of queries and gallery, checked once, and the distances between them
- `grid`: features rounded so that their dot products are exact
- `ordering`: the one rule for ties; smallest cells and ranks of rows
- `checks`, `arrays`: messages that name wrong rows; index arithmetic and threads
"""
