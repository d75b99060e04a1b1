"""The lowest rung: distances between features, and order within rows of them."""
