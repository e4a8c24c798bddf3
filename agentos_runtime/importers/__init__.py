"""Descriptions of services (OpenAPI, LAP, curl) become skills; newer ones update them and keep hand edits."""
