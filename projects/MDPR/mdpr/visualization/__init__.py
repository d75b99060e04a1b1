"""Pictures: what a network looks at, what its similarities are made of, what a run learned and found.

- `maps`, `match`, `drawing`, `pictures`: of images, by a trained network
- `chosen_queries`, `ranked_rows`, `rank_lists`: what single queries found, as a page
- `curve_data`, `plots`, `curves`: curves as PNG files
"""
