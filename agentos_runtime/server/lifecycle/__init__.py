"""Starting, probing, draining and replacing server processes."""
