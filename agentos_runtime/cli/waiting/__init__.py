"""`agentos waiting`."""
