"""Measures the runtime beside bare pass-throughs and other gateways, all in one run: see `scripts/bench`."""
