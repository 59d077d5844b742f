"""Where the command stands: settings, trees, the running demo if there is one, and the database."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.model import Partner, PartnerId
    from gateway.registry import Registry, Tree
    from gateway.shell.config import Settings
    from gateway.shell.store import Store

Config = Annotated[Path | None, typer.Option("--config", help="Settings file; gateway.toml when it is there.")]
StateDir = Annotated[Path | None, typer.Option("--state", help="State directory, instead of the setting state_dir.")]
TOWN = "town.json"


def settings_at(config: Path | None, state: Path | None = None) -> Settings:
    """The settings; where a demo runs or ran in the state directory, its addresses and its partner records."""
    from gateway.shell.config import load_settings

    given = {"state_dir": state} if state else {}
    settings = load_settings(config, **given)
    town = settings.state_dir / TOWN
    if not town.is_file() or settings.public_url or settings.database_url:
        return settings
    told = json.loads(town.read_text("utf-8"))
    overlay = settings.state_dir / "demo" / "tree"
    return settings.model_copy(update={"public_url": told["doors"], "roots": [*settings.roots, overlay]})


def tree_of(settings: Settings) -> Tree:
    """The shipped tree with the settings' roots over it."""
    from gateway.registry import Tree
    from gateway.shell.config import TREE

    return Tree((TREE, *settings.roots))


def registry_of(settings: Settings) -> Registry:
    """Everything below the trees, compiled; the shipped tree alone once for a process."""
    from gateway import registry

    return registry.load(settings.roots) if settings.roots else _shipped()


@cache
def _shipped() -> Registry:
    from gateway import registry

    return registry.load()


def partners_of(settings: Settings) -> dict[PartnerId, Partner]:
    """All partner records."""
    from gateway.shell.partners import load_partners

    return load_partners(tree_of(settings), settings.trust_dir, production=settings.environment == "production")


def dsn_of(settings: Settings) -> str:
    """The database of these settings, which runs already. Raises ConfigurationError."""
    from gateway.cli.serve import embedded

    return settings.database_url or embedded(settings)


def open_store(settings: Settings, *, idle: float = 60.0) -> Store:
    """An open store; `idle` = seconds one of its transactions may rest. Raises ConfigurationError or Busy."""
    from gateway.shell.store import Store

    return Store(dsn_of(settings), largest=2, patience=5.0, idle=idle).open()
