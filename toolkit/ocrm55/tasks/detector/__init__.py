"""The text detector: a picture of a page goes in, a map of the probability of text comes out."""
