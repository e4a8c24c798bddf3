"""What a server tells the person who started it."""
