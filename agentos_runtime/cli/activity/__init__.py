"""`agentos activity` and `agentos usage`."""
