"""What the model is, on the host: charset, image to tensor, network, CTC decode, inference."""
