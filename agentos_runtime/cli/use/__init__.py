"""`agentos use`, `agentos search`, `agentos status`."""
