"""The first minutes: a key, a question, a server that stays."""
