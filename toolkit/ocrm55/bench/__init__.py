"""What kernels cost on the simulator, and against other libraries."""
