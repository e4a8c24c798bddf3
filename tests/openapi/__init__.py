"""The documents of OpenAPI, and what tools make of them."""
