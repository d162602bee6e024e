"""CMSIS-NN's computations in numpy, to the last bit: integer sums requantised by multiplier and shift.

They are written from TFLite's definition of its int8 operators, which CMSIS-NN promises to follow. A library may have
been built to round once (CMSIS_NN_USE_SINGLE_ROUNDING), as TFLite may, or twice. Softmax and averages are the same in
both. There is a module for each family; the functions of its table take the rounding first.
"""
