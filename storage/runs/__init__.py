"""Training runs, their checkpoints and metrics, and the releases made of them."""
