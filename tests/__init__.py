"""The tests mirror the rooms; helpers are imported from here by their full names."""
