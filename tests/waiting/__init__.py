"""A person's yes: over HTTP, streams, MCP and the command line."""
