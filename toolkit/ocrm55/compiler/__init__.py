"""ONNX in, C for a Cortex-M55 out: see pipeline.compile_model."""
