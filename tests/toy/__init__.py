"""A toy upstream on raw sockets: it answers what a test tells it to, byte by byte."""
