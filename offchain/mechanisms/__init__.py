"""The mechanisms: ways to turn orders into ramps and clearings into payments, compared like for like."""
