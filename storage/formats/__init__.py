"""Files that other programs read: meshes, pictures, the report."""
