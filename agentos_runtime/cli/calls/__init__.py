"""`agentos call`: in this process or through a server, plainly, streamed, dry or explained."""
