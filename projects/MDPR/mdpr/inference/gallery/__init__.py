"""A gallery: known images of persons on the disk, and who is on a new one.

- `gallery`: `Gallery`, which the rest makes up
- `folder`, `storage`, `lock`: what is on the disk, in which order it is written, and one writer at a time
- `index`, `persons`, `search`: nearest rows, rows of one person, answers
- `images`: features and thumbnails of images
- `page`: answers as a table or a page of pictures
"""

from mdpr.inference.gallery.gallery import Gallery
from mdpr.inference.gallery.search import Answer, Match

__all__ = ["Answer", "Gallery", "Match"]
