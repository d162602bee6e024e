"""Each int8 operator in numpy, to the last bit: a module for each family, and the network of them.

It follows ocrm55_kernels.h one float32 operation at a time and knows nothing of tiles, packing or vectors.
"""
