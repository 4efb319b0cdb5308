"""Tasks: from a YAML file and a dataset to items with rendered messages and targets."""
