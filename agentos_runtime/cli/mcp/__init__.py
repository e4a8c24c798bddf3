"""`agentos mcp`: the protocol over stdin and stdout, and entries for the settings of clients."""
