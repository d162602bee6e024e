"""Ethos-U55: the NPU's operators, their TFLite files, Vela's command streams, and the C that runs them."""
