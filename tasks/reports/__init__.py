"""Cards and contact sheets."""
