"""The mutation matrix: every field of a valid interval changed, and what becomes of the change."""
