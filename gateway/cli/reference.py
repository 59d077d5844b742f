"""The reference pages of settings and commands, made from the code itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.core import TyperGroup

from gateway.shell.config import Settings
from gateway.shell.partners import ContactRecord, PartnerRecord

_SETTINGS_HEAD = """# Settings

Made from the code by `gateway config reference --write docs`; do not edit by hand.

Read from `gateway.toml` in the working directory (or the file given by `--config`), then from the environment, which
wins. Lists in the environment are JSON: `GATEWAY_RETRY_SECONDS='[60, 300]'`. An unknown key or a value that cannot be
used stops the start, and the message names file and key. A name with a dot is a key of a
table: `[database]`, `programs = "..."`.

| key | environment | standard value | meaning |
|---|---|---|---|
"""
_PARTNER_HEAD = """
## Partner records

One file `certs/partners/<id>.toml` for each partner. A name with a dot is a key of a table: `[delivery]`, `rate = 20`.

| key | standard value | meaning |
|---|---|---|
"""
_COMMANDS_HEAD = """# Commands

Made from the code by `gateway config reference --write docs`; do not edit by hand.

Every command takes `--help`. Exit codes: 0 done; 1 it found something wrong; 2 it was not understood. `gateway replay`
ends with 3 for a broken fixture. `gateway --debug COMMAND` shows the traceback of an error.
`gateway --install-completion` sets up the completion of the shell.
"""


def render_settings() -> str:
    """`docs/configuration.md`."""
    return (
        _SETTINGS_HEAD
        + "".join(
            f"| `{name}` | `GATEWAY_{name.upper().replace('.', '__')}` "
            f"| `{_standard(field.get_default(call_default_factory=True))}` | {field.description} |\n"
            for name, field in _settings(Settings, "")
        )
        + render_partner()
    )


def render_partner() -> str:
    """The part of it about partner records."""
    return _PARTNER_HEAD + "".join(
        f"| `{name}` | `{_standard(field.get_default(call_default_factory=True))}` | {field.description or ''} |\n"
        for name, field in [
            *((name, field) for name, field in _settings(PartnerRecord, "") if name != "contact"),
            *_settings(ContactRecord, "contact."),
        ]
    )


def _settings(group: type[BaseModel], before: str) -> Iterator[tuple[str, FieldInfo]]:
    """Every setting by its full name; those of a table of the file after the single ones."""
    tables = {}
    for name, field in group.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            tables[name] = field.annotation
        else:
            yield before + name, field
    for name, below in tables.items():
        yield from _settings(below, f"{before}{name}.")


def _standard(value: Any) -> str:
    if value is PydanticUndefined:
        return "(needed)"
    text = ", ".join(sorted(value)) if isinstance(value, set) else "" if value is None else str(value)
    return text or "(empty)"


def render_commands() -> str:
    """`docs/cli.md`."""
    from gateway.cli.program import app

    return _COMMANDS_HEAD + "".join(_pages(typer.main.get_command(app), "gateway"))


def _pages(command: Any, name: str) -> Iterator[str]:
    """A command and all below it. Typer brings a click of its own without types, hence Any."""
    if command.hidden:
        return
    yield f"\n## `{name}`\n\n{(command.help or '').strip()}\n"
    if isinstance(command, TyperGroup):
        for child, found in command.commands.items():
            yield from _pages(found, f"{name} {child}")
        return
    yield "\n| argument or option | standard value | meaning |\n|---|---|---|\n"
    yield from (_line(word) for word in command.params if not getattr(word, "hidden", False))


def _line(word: Any) -> str:
    if word.param_type_name == "option":
        names = ", ".join(f"`{name}`" for name in [*word.opts, *word.secondary_opts])
    else:
        names = f"`{word.name.upper()}`" + ("" if word.required else " (may be left out)")
    standard = "" if word.default in (None, False, "", ()) or callable(word.default) else f"`{word.default}`"
    return f"| {names} | {standard} | {getattr(word, 'help', None) or ''} |\n"
