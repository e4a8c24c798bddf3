"""`agentos import`."""
