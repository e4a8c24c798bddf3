"""Who may look: tickets that work once, and the sessions they begin."""
