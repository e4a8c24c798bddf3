"""curl commands, as documentation and browsers write them, become an Api."""
