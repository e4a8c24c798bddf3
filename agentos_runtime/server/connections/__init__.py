"""Connections of clients: whose they are, their bounds, and how long they may wait."""
