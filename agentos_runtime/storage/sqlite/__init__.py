"""SQLite files: private, shared between processes, written without holding up the event loop."""
