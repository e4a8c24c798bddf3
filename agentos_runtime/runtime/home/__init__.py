"""The home as a whole: its backup, and whether it is in order."""
