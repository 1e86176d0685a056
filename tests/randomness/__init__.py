"""Rounds of drand networks."""
