"""Scripts for a real browser; run by the Python of `build/clients`, which has its driver."""
