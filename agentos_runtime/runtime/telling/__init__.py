"""Who is told of calls besides their callers: figures, and whoever listens."""
