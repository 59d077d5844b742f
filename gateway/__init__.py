"""A single-window interoperability gateway: proof, mapping and replay of signed customs messages."""

__version__ = "0.1.0"
