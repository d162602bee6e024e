"""Operators on int8 tensors, as the kernels of firmware/kernels compute them: a module for each family.

Tensors lie in the kernels' order: rows, columns, channels, one image. A real value is scale * (q - zero_point).
reference/int8 computes each of these in numpy, to the last bit.
"""
