"""Specifications of the Shapley value and its shares."""
