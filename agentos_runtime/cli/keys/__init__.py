"""`agentos keys`."""
