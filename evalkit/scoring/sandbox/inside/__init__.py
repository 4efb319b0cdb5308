"""What runs inside: sent to an interpreter there as text, never imported by the rest of evalkit. Python 3.8 on."""
