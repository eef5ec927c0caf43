"""Words and signs that templates share."""
