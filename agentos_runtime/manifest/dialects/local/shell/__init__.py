"""Shell scripts in which params stand: read so far that it is known where a param's text could become code."""
