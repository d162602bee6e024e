"""Whole pages read on the target: firmware of two networks, frames for it, and what is made of its answer."""
