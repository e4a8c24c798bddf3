"""Importing OpenAPI, LAP and curl, and bringing skills up to date."""
