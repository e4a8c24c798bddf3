"""`agentos database`."""
