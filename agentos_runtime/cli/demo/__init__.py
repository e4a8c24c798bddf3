"""`agentos demo`: the tour."""
