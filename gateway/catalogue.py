"""The error catalogue for people, `docs/errors.md`: every refusal code and finding rule, made from the code itself.

`python -m gateway.catalogue > docs/errors.md` writes it anew; a test says when it has drifted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gateway.errors import ConfigurationError, GatewayError
from gateway.model import LANGUAGES, SOAP12
from gateway.refusal import fault_status
from gateway.words import SEAL, Words, hint_names, rules, template

_HEAD = """# Error catalogue

Made from the code by `python -m gateway.catalogue`; do not edit by hand.

Every refusal has one **code**. REST answers carry it as `application/problem+json` (RFC 9457), SOAP answers as a Fault
whose detail holds the same members. Quote the code and the incident id (`instance`) when you ask for help.
A SOAP 1.1 Fault always travels with HTTP 500. `retry` says whether the same bytes may be sent again later.
A refusal of a document lists its **findings**: rule, readable path, line and column of the start tag in the message as
you sent it, WCO id and name, value, text and hint in English, Russian and Kazakh. At most 25 are shown; `findingsTotal`
says how many there are.
"""
_SEAL_NOTE = """
Codes marked * belong to the seal. They all say the same public words, list no findings, and keep their cause in the
gateway's own log under the incident id.
"""


def codes() -> tuple[type[GatewayError], ...]:
    """Every refusal that has a code of its own, in the order of the source."""
    return tuple(_walk(GatewayError))


def _walk(parent: type[GatewayError]) -> Iterator[type[GatewayError]]:
    for child in parent.__subclasses__():
        if "code" in vars(child):
            yield child
        yield from _walk(child)


def render() -> str:
    """The whole page as Markdown."""
    listed = (_HEAD, "\n## Codes\n", *_code_table(), _SEAL_NOTE, *_code_words())
    return "".join((*listed, "\n## Findings\n", *_rule_words(), *_traps()))


def _code_table() -> Iterator[str]:
    yield "\n| code | REST status | SOAP 1.1 faultcode | SOAP 1.2 code, subcode (HTTP) | retry |"
    yield "\n|---|---|---|---|---|\n"
    for error in codes():
        if error is not ConfigurationError:
            star, retry = "*" if error.secret else "", "yes" if error.retry else "no"
            yield f"| `{error.code}`{star} | {error.status} | {_soap_11(error)} | {_soap_12(error)} | {retry} |\n"


def _soap_11(error: type[GatewayError]) -> str:
    return f"`{error.subcode or ('env:Client' if error.blame == 'sender' else 'env:Server')}`"


def _soap_12(error: type[GatewayError]) -> str:
    status = fault_status(error(), SOAP12)
    if error.subcode.startswith("env:"):
        return f"`{error.subcode}` ({status})"
    code = "env:Sender" if error.blame == "sender" else "env:Receiver"
    return f"`{code}`, `{error.subcode or f'p:{error.code}'}` ({status})"


def _code_words() -> Iterator[str]:
    yield "\n### The seal, all codes marked *\n\n"
    yield from _said(SEAL)
    for error in codes():
        if not error.secret:
            yield f"\n### `{error.code}`\n\n"
            yield from _said(error.code)


def _rule_words() -> Iterator[str]:
    yield "\nWords in braces are filled from the finding. `family.*` speaks for every other rule of that family.\n"
    for rule in rules():
        yield f"\n### `{rule}`\n\n"
        yield from _said(rule)


def _traps() -> Iterator[str]:
    yield "\n## Traps a hint can name\n\nTold instead of the rule's own hint, with a suggestion where one is valid.\n"
    for name in hint_names():
        yield f"\n### {name}\n\n"
        yield from _said(name)


def _said(key: str) -> Iterator[str]:
    for language in LANGUAGES:
        yield f"- **{language}** {_line(template(key, language))}\n"


def _line(words: Words) -> str:
    title = f"*{words.title}.* " if words.title else ""
    return f"{title}{words.text}{f' → {words.hint}' if words.hint else ''}"


if __name__ == "__main__":
    sys.stdout.write(render())
