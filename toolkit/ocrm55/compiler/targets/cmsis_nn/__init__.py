"""Arm's CMSIS-NN as a target."""
