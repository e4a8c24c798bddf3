"""A local-first runtime for skills: one Markdown file in, one HTTP endpoint per utility out."""

__version__ = "0.1.0"
