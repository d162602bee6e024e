"""Layers of an ONNX file as calls of kernels: a module for each family, with a row for each ONNX operator.

Several families may have a row for one operator. Each takes its own and leaves the others.
"""
