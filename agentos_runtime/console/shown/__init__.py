"""How values are shown: numbers, times, text of others, lines of files, charts. Pure functions."""
