"""Trainers of the weights that ship with the project."""
