"""The text of an expression and what it is made of: tokens, nodes, and what jq's own functions stand for."""
