"""What the pages of messages share: the frame, the style, and the page of code lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from gateway.codes.lists import CodeBook, CodeLists
from gateway.model import LANGUAGES
from gateway.twin.write import TEXT

CSS: Final = """:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: light-dark(#0b57a4, #8ec5ff); }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 96rem; padding: 1rem 1.5rem 4rem; }
a { color: var(--link); } code, pre { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th, td { border-bottom: 1px solid var(--line); padding: .3rem .5rem; }
th, td { text-align: left; vertical-align: top; } thead th { background: Canvas; position: sticky; top: 0; }
th[scope=row] { font-weight: 400; padding-left: calc(.5rem + var(--depth, 0) * 1.1rem); }
th[scope=row] code { white-space: nowrap; } summary { cursor: pointer; font-size: .85em; opacity: .85; }
tr.class { background: var(--soft); } tr.class th code { font-weight: 700; }
tr:target { outline: 2px solid var(--link); }
dl { display: grid; gap: .2rem 1rem; grid-template-columns: max-content 1fr; }
dt { font-weight: 600; } dd { margin: 0; }
pre { background: var(--soft); max-height: 40rem; overflow: auto; padding: 1rem; } .wide { overflow-x: auto; }
small { opacity: .85; } q { quotes: none; white-space: pre-wrap; }
@media (max-width: 60rem) { thead th { position: static; } }
"""


def frame(title: str, body: str) -> str:
    """A whole HTML page around a body."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="schema.css"></head>\n'
        f'<body><nav aria-label="Pages">{link("index.html", "All messages")}</nav><main>{body}</main></body></html>\n'
    )


def link(to: str, text: str) -> str:
    """A link to a page of the same folder."""
    return f'<a href="{escape(to)}">{escape(text)}</a>'


def values_of(twin: object, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every value of a twin, in order; `#` is the value of the element itself."""
    if isinstance(twin, Mapping):
        for name, member in twin.items():
            yield from values_of(member, path if name == TEXT else f"{path}/{name}".lstrip("/"))
    elif isinstance(twin, list):
        for item in twin:
            yield from values_of(item, path)
    else:
        yield path, str(twin)


def codes_page(lists: CodeLists) -> str:
    """All code lists with names in three languages and their days."""
    books = sorted(lists.books.values(), key=lambda book: book.title)
    contents = "".join(f"<li>{link(f'#{book.name}', book.title)}</li>" for book in books)
    return frame("Code lists", f"<h1>Code lists</h1><ul>{contents}</ul>" + "".join(map(_book, books)))


def _book(book: CodeBook) -> str:
    heads = ("Code", "English", "Русский", "Қазақша", "From", "Until", "Source")
    top = "".join(f'<th scope="col">{head}</th>' for head in heads)
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(row.code)}</code></th>'
        + "".join(f'<td lang="{language}">{escape(row.names[language])}</td>' for language in LANGUAGES)
        + f"<td>{row.first or ''}</td><td>{row.last or ''}</td><td>{escape(row.source)}</td></tr>\n"
        for rows in book.codes.values()
        for row in rows
    )
    extent = "complete" if book.complete else "the part in use"
    return (
        f'<h2 id="{escape(book.name)}">{escape(book.title)}</h2><p>Version {escape(book.version)}, {extent}.</p>'
        f"<div class='wide'><table><thead><tr>{top}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
