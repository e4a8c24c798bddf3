"""Figures: what is counted, under which labels, and who may read it."""
