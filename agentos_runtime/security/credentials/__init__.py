"""Credentials: where they are found, how they are kept, and how they stay out of everything that is written."""
