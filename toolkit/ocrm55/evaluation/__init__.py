"""Measure how well a model reads: accuracy, agreement, verification, errors of quantisation."""
