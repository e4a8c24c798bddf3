"""`agentos console`: the way into the console."""
