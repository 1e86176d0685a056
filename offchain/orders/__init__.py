"""Orders: the table of an interval, what makes one valid, its ramps, its signature."""
