"""The rules again, from published bundles and the headers of a chain alone; never asks the solver."""
