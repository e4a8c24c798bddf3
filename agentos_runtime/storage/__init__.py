"""Everything that is kept in the home."""
