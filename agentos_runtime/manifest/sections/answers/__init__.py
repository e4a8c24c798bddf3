"""How answers are read: what a manifest says of replies, and of lists and jobs that go on."""
