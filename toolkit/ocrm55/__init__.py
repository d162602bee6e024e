"""Put an English text recognizer on an Arm Cortex-M55."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ocrm55")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0.0.0"
