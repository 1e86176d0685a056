"""The grid model and its importers."""
