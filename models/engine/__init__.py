"""How a method fits an animal to its crops."""
