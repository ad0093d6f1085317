"""Farm3D (Jakab et al., 3DV 2024): MagicPony with score distillation from random views."""
