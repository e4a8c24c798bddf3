"""Scripts that run in processes of their own. They know nothing of the runtime and import nothing of it."""
