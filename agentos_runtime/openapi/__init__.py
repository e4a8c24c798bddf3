"""What can be called, as OpenAPI says it."""
