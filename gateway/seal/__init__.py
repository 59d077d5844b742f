"""Seals: what a signature proves, and how ours are made."""
