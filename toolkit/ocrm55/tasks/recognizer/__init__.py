"""What the model is, on the host: charset, image to tensor, network, CTC decode, inference."""

import warnings

# Paddle says this whenever it is imported; it matters to those who build Paddle's C++ extensions, which is nobody here.
warnings.filterwarnings("ignore", message="No ccache found", category=UserWarning)
