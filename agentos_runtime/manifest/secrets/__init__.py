"""What looks like a secret, by its form and by its name; reported where it stands in a file."""
