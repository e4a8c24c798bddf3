"""The console: pages for the person whose keys and money these are. Knows no web framework."""
