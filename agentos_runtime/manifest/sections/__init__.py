"""The sections of a manifest, each read by its own module."""
