"""A person's yes to one call: what waits for it, what was decided, by whom. Nothing here makes a call."""
