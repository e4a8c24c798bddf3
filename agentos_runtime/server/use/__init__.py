"""Addresses of services over HTTP: `/use/<host>/…`, `POST /api/use`, `/v1/…`."""
