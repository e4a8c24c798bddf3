"""Logging in with a browser: OAuth 2 authorization code with PKCE, and a listener for the one answer."""
