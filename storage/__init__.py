"""Everything that lasts: shards, tables, checkpoints, meshes. No Prefect, no model code."""

import os

# Read by webdataset when it is first imported: without it, decoding may unpickle and `pipe:` addresses run a shell.
os.environ["WDS_SECURE"] = "1"
