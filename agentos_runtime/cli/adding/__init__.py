"""`agentos add` and `agentos update`: skills from elsewhere."""
