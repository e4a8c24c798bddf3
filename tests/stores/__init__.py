"""State in files and state in a database: the same answers; and what only replicas can meet."""
