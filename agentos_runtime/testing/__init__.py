"""Cases: recorded by hand, one exchange a file; a test, the simulated upstream, and documentation at once."""
