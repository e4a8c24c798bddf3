"""What can be called, written for other tools."""
