"""MeshInversion (Zhang et al., ECCV 2022) on the crops of the farm: a GAN of animals that is searched."""
