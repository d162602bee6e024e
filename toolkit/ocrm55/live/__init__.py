"""`ocrm55 live`: a page on localhost that shows what the board's C reads in a camera's frames."""
