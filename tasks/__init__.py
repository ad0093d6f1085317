"""How one stage runs: each task is a verb and adapts models to storage."""
