"""The words of utilities' names, and how names are made short."""
