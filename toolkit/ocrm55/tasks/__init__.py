"""What a network is for: the picture that it takes, the outputs that it gives, how they are decoded."""
