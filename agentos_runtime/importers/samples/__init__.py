"""Requests that somebody once made (a curl command, a HAR, a Postman collection) become operations.

Their values become defaults, so that a call without params does what the request did. What looks like a secret is
left out, and what only stands for a value is asked for.
"""
