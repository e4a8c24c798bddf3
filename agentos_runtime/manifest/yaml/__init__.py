"""YAML read safely, with the position of everything."""
