"""Answers that are no JSON, as the JSON that they say: text, lines, CSV, XML, NDJSON. Bounded, and without I/O."""
