"""The names of all accelerators, for --npu. Nothing is imported here, so that the command line starts quickly."""

NAMES = ("ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256")
