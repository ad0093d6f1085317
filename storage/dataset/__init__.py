"""Shards, their indices, and the snapshots that list them."""
