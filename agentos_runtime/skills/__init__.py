"""Folders of skills: found, loaded, checked, and shown to each caller as far as it may see them."""
