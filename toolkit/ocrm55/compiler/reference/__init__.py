"""What the target computes, in numpy, to the last bit."""
