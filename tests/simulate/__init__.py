"""Simulation: the study market, the run, and the command."""
