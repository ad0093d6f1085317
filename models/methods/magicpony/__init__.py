"""MagicPony (Wu et al., CVPR 2023)."""
