"""What the wires allow: registered networks, their importers and their bounds."""
