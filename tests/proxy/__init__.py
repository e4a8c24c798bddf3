"""Addresses of services, called by agents themselves."""
