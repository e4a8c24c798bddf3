"""State that replicas share, in PostgreSQL. Nothing of it is imported unless `AGENTOS_DATABASE` is set."""
