"""Proof: what was decided, on which evidence, and whether that still is what it was."""
