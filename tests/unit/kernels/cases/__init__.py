"""Calls of kernels, random and extreme, each with what must come out: a module for each family."""
