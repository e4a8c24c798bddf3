"""Keys and who may use them: authority, approvals, credentials, the agents."""
