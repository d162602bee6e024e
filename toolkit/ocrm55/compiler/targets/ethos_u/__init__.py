"""Ethos-U55: which operators go to the NPU, their TFLite files, Vela's command streams, and how the C runs them."""
