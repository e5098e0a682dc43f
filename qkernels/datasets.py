"""Small data sets of the field: loaders of what lies in `datasets/`, and seeded generators."""
