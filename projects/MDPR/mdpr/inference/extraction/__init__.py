"""Features of many images, streamed into one file; what was killed goes on where it was."""

from mdpr.inference.extraction.row import Row
from mdpr.inference.extraction.run import Extraction, extract
from mdpr.inference.extraction.sources import rows_of, rows_of_dataset

__all__ = ["Extraction", "Row", "extract", "rows_of", "rows_of_dataset"]
