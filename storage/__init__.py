"""Everything that lasts: shards, tables, checkpoints, meshes. No Prefect, no model code."""
