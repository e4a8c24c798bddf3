"""Names of headers, and where one may stand."""
