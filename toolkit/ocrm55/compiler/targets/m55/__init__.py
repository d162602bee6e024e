"""The Cortex-M55's own kernels."""
