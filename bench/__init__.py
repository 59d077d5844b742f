"""Measures of speed, each beside its floor and its peers in the same run: `python -m bench --help`."""
