"""What meters said against what was allocated."""
