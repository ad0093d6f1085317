"""Animals whose every truth is known, for training the shipped weights and for measuring."""
