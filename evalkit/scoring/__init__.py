"""Scoring: what a generation's answer is, and whether it is right."""
