"""The Paddle inference model on disk: write, load, check, fetch; and Paddle to ONNX with static shapes."""
