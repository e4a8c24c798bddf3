"""A call's params become a request: drafted, its urls compared, its secrets put in."""
