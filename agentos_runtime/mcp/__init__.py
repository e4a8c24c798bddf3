"""The Model Context Protocol (MCP): every utility is a tool. It knows no framework and no socket."""
