"""Agents' own calls of a service's addresses: bytes through, the key put on last, by the one pipeline."""
