"""What utilities are called and known by: their words, how a name is chosen and made short, their routes."""
