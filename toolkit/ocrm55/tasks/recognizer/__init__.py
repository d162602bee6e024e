"""The recognizer on the host: charset, image to tensor, network, CTC decoding, inference."""

import warnings

# Paddle prints this at every import. It only matters to those who build Paddle's C++ extensions; nobody does here.
warnings.filterwarnings("ignore", message="No ccache found", category=UserWarning)
