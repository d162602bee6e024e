"""Random quantised networks for the NPU, and the judge that tests the NPU's model with them."""
