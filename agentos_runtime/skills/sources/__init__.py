"""Skills that are fetched from elsewhere: read into memory whole, looked at, and only then written."""
