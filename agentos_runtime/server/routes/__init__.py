"""Everything that is answered but calls and health: loaded when it is first asked for."""
