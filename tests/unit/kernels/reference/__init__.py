"""What the kernels must compute, independently of them: numpy, exact int64 sums, one float32 operation at a time.

A module for each family.
"""
