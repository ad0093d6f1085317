"""Supervised pre-training on procedural animals: the weights that a category starts from."""
