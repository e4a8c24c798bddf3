"""What is known of a request before anybody calls."""
