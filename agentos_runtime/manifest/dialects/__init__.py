"""Other spellings of a skill file: each is turned into our own before anything else reads it."""
