"""The target's computations in numpy, to the last bit."""
