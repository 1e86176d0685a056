"""Contracts compiled, deployed and spoken to: devnets, deployment and pilots' configuration."""
