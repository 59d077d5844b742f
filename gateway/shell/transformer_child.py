"""The process that runs one stylesheet: reads documents from standard input, writes results to standard output.

Started by its file with an interpreter that knows neither our environment nor our packages, so it imports none of them.
The first part is the stylesheet; then, for every document, the parameters as JSON and the document. Each part has its
length before it, in eight bytes; each answer a letter (D done, R refused) and its length.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from typing import Any, Final

from lxml import etree

_MEMORY: Final = 1_000_000_000
_DEPTH: Final = 1_000
_TOO_LARGE: Final = 3


def main(most: int) -> int:
    """Serve until standard input ends."""
    _bound()
    transform = _compiled(_part() or b"")
    if transform is None:
        return 1
    while (parameters := _part()) is not None and (payload := _part()) is not None:
        try:
            made = transform(_tree(payload), **_quoted(json.loads(parameters)))
            if made.getroot() is None:
                _say(b"R", "it makes no document")
                continue
            result = etree.tostring(made.getroot(), encoding="UTF-8")
        except etree.LxmlError as error:
            _say(b"R", _reason(transform, error))
            continue
        if len(result) > most:
            return _TOO_LARGE
        _answer(b"D", result)
    return 0


def _bound() -> None:
    """No file can be written and memory is limited, where the system knows such limits."""
    etree.XSLT.set_global_max_depth(_DEPTH)
    with contextlib.suppress(ImportError):
        resource = importlib.import_module("resource")
        for kind, limit in (("RLIMIT_AS", _MEMORY), ("RLIMIT_FSIZE", 0), ("RLIMIT_CORE", 0)):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(getattr(resource, kind), (limit, limit))


def _compiled(stylesheet: bytes) -> etree.XSLT | None:
    try:
        denied = etree.XSLTAccessControl.DENY_ALL
        transform = etree.XSLT(_tree(stylesheet), access_control=denied, regexp=False)
    except etree.LxmlError as error:
        _say(b"R", str(error))
        return None
    _answer(b"D", b"")
    return transform


def _tree(octets: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(octets, parser)


def _quoted(parameters: dict[str, str]) -> dict[str, Any]:
    return {name: etree.XSLT.strparam(value) for name, value in parameters.items()}


def _reason(transform: etree.XSLT, error: Exception) -> str:
    """What the stylesheet said by xsl:message, else what libxslt says."""
    said = [entry.message for entry in transform.error_log if entry.message]
    return "; ".join(said[:3]) or str(error)


def _part() -> bytes | None:
    head = sys.stdin.buffer.read(8)
    return sys.stdin.buffer.read(int.from_bytes(head, "big")) if len(head) == 8 else None  # noqa: PLR2004


def _say(status: bytes, text: str) -> None:
    _answer(status, text.encode("utf-8", "replace")[:2000])


def _answer(status: bytes, octets: bytes) -> None:
    sys.stdout.buffer.write(status + len(octets).to_bytes(8, "big") + octets)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
