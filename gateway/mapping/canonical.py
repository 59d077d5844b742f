"""Writes text and tags as exclusive canonical XML has them (Exclusive XML Canonicalization 1.0; C14N 1.0, 2.3)."""

from __future__ import annotations

from typing import Final

_TEXT: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"}
_ATTRIBUTE: Final = {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
_TEXT_TABLE: Final = str.maketrans(_TEXT)
_ATTRIBUTE_TABLE: Final = str.maketrans(_ATTRIBUTE)


def escaped(text: str) -> str:
    """Character data of an element."""
    if "&" in text or "<" in text or ">" in text or "\r" in text:
        return text.translate(_TEXT_TABLE)
    return text


def escaped_attribute(text: str) -> str:
    """An attribute value, without its quotes."""
    return text.translate(_ATTRIBUTE_TABLE)


def opening(name: str, namespace: str, around: str) -> str:
    """`<name` with a default namespace declaration where it differs from the one around; no `>` yet."""
    return f"<{name}" if namespace == around else f'<{name} xmlns="{escaped_attribute(namespace)}"'
