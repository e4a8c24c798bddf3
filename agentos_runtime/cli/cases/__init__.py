"""Commands about cases that are called for real."""
