"""The model as ONNX, before TVM sees it."""
