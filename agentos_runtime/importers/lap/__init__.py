"""LAP files (`@lap v0.3`: one directive a line, made for machines) become an Api."""
