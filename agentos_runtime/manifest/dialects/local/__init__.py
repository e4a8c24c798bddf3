"""What a dialect runs on the machine itself: SQL, programs, Python, chains of steps."""
