"""Where tensors and weights lie."""
