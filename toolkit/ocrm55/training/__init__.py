"""The training of the recognizer's weights: synthetic text, photographed words, the training loop, evaluation."""
