"""Where the recognizer's weights come from: synthetic text, photographed words, the training loop, evaluation."""
