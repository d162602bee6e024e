"""From a float network to an int8 one, as an ONNX model with QDQ."""
