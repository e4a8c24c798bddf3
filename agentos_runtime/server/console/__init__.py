"""The console over HTTP: its shell, its files, its pages for who was let in, and what happens live."""
