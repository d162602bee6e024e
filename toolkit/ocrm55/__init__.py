"""Put an English text recognizer on an Arm Cortex-M55."""

import os
from importlib.metadata import PackageNotFoundError, version

# ONNX Runtime's wheel reports its use to Microsoft from the moment when it is imported, and leaves a file in the folder
# for temporary ones. Whoever wants that sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    __version__ = version("ocrm55")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0.0.0"
