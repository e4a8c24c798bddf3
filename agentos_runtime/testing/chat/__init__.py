"""What holds for every chat, tried with the cases of one skill."""
