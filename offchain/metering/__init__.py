"""What meters say after the fact, and what is settled for it."""
