"""Figures of the runtime, as Prometheus reads them."""
