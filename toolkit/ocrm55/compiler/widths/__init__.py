"""One program for several widths of the input."""
