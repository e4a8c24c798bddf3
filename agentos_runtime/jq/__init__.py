"""jq, sealed in worker processes."""
