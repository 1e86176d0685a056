"""What the study of robustness promises."""
