"""What generated code calls: the functions of jq, each of which charges what it touches."""
