"""Past calls over HTTP: rows, sums, spreadsheets, and rows as they come."""
