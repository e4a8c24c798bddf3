"""What the operator has over HTTP: the proof that is asked for, and the routes behind it."""
