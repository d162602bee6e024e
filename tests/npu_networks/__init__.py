"""Random quantised networks for the NPU, and what judges the model of it by them."""
