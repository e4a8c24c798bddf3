"""MCP over HTTP: the endpoint, and answers that take a while."""
