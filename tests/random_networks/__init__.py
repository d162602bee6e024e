"""Random recognizer-like networks, compiled, run under sanitizers and compared with ONNX Runtime."""
