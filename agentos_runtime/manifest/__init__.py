"""A skill file becomes a frozen Skill, or every problem at file:line:column."""
