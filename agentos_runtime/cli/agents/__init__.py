"""`agentos agents`."""
