"""Pictures of what a run learned and found, from the files that it left.

- `chosen_queries`, `ranked_rows`, `rank_lists`: what single queries found, as a page
- `curve_data`, `plots`, `curves`: curves as PNG files
"""
