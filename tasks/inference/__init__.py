"""Somebody's photos: which model answers, reading them, writing the answers."""
