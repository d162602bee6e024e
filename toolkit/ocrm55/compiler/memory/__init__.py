"""The places of tensors and weights in memory."""
