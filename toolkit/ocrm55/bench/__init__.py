"""Measure kernels on the simulator, and compare them with other libraries."""
