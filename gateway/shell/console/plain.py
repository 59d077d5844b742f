"""Text of others on our pages: always text, never markup, and nothing in it that the eye would miss."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup, escape

CUT: Final = 160
"""Characters of a value that a page shows before it folds the rest away."""
HIDDEN: Final = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u1680"
    "\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ud800-\uf8ff\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
"""Control, format, bidi, zero-width, filler and private characters, and every space but the plain one."""
_MARK: Final = Markup('<span class="hidden-char">U+{:04X}</span>')
_FOLD: Final = Markup('<details class="long"><summary>{}…</summary><div>{}</div></details>')


def visible(text: object) -> Markup:
    """The text escaped, with each hidden character named by its code point."""
    found, last, out = str(text), 0, Markup()
    for match in HIDDEN.finditer(found):
        out += escape(found[last : match.start()]) + _MARK.format(ord(match[0]))
        last = match.end()
    return out + escape(found[last:])


def folded(text: object, limit: int = CUT) -> Markup:
    """The same, but a long text shows its beginning and keeps the rest one click away."""
    found = str(text)
    if len(found) <= limit:
        return visible(found)
    return _FOLD.format(visible(found[:limit]), visible(found))
