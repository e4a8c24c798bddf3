"""What people and tools are shown of the runtime: documents, pages, figures."""
