"""The purpose of a network: its input picture, its outputs, and how they are decoded."""
