"""Backing up the whole installation and putting it back: database, media and the journal of erasures (ADR 27)."""
