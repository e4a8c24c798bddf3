"""What waits for a person's yes, over HTTP."""
