"""The thin faces of the Runtime."""
