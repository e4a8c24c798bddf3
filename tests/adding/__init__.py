"""Skills that are added from elsewhere, and brought up to date."""
