"""Descriptions of services (OpenAPI, LAP, curl) become skills, and newer ones update them without losing hand edits."""
