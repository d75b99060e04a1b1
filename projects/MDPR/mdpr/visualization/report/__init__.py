"""A run, or several, as one page that opens offline.

- `page`: puts it together and writes it
- `run_folder`: what a run left, read once
- `settings`: how its config differs from its base
- `comparison`: rankings of the same queries side by side, and paired differences
- `sections`: curves, attention and the data check, each as a picture or part of the page
- `browser`: all queries as data for the page's script; `thumbnails`: many small pictures in little space
"""
