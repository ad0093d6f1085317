"""Everything that computes. No Prefect, no paths."""
