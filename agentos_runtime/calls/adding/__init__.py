"""How the pieces of one chat find each other: texts, tool calls, reasoning, a provider's own blocks."""
