"""Finds the adapters, compiles their schemas and tables and checks them all at start."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from gateway.codes.desks import CodeDesks, code_desks
from gateway.codes.lists import CodeLists, read_code_lists
from gateway.errors import ConfigurationError, Finding
from gateway.facts import FactTable
from gateway.mapping import (
    CodeList,
    Translation,
    compile_stylesheet,
    compile_table,
    read_codes,
    read_stylesheet,
    read_table,
)
from gateway.mapping.stylesheet import SUFFIX
from gateway.model import RECEIPT, Adapter, Corridor, CorridorId, DocumentType, PartnerId, Schema
from gateway.notice import own_corridor
from gateway.schema import Schemas
from gateway.schema.generate import load_facts
from gateway.schema.versions import Versions, check_versions, versions_of
from gateway.setup import OWN_ID
from gateway.shell.config import TREE
from gateway.shell.transformer import Transformer
from gateway.twins import Twins

OWN_SCHEMAS = (
    Schema(
        document=DocumentType("RECEIPT"), namespace=RECEIPT, root="Receipt", path="xsd/gateway/receipt.xsd", version="1"
    ),
    Schema(
        document=DocumentType("NOTICE"), namespace=RECEIPT, root="Notice", path="xsd/gateway/notice.xsd", version="1"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """What the trees hold, compiled and checked."""

    tree: Tree
    adapters: tuple[Adapter, ...]
    schemas: Schemas
    records: Mapping[DocumentType, Schema]
    """The latest version of every message."""
    versions: Versions
    corridors: Mapping[CorridorId, Corridor]
    translations: Mapping[str, Translation]
    lists: CodeLists
    codes: CodeDesks
    twins: Twins
    facts: Callable[[Schema], FactTable]


@dataclass(frozen=True, slots=True)
class Tree:
    """One or more roots laid over each other: a later root wins."""

    roots: tuple[Path, ...]

    def path(self, name: str) -> Path:
        """The file of that name in the last root that has it. Raises ConfigurationError."""
        for root in reversed(self.roots):
            if (root / name).is_file():
                return root / name
        raise ConfigurationError(f"no file {name} in {', '.join(map(str, self.roots))}")

    def read(self, name: str) -> bytes:
        """Its bytes. Raises FileNotFoundError for a name that leads out of the tree."""
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise FileNotFoundError(name)
        return self.path(name).read_bytes()

    def folders(self, name: str) -> Iterator[Path]:
        """The sub-folders of `name` over all roots, sorted by their names."""
        found = {
            folder.name: folder
            for root in self.roots
            for folder in sorted((root / name).glob("[a-z]*"))
            if folder.is_dir()
        }
        yield from (found[key] for key in sorted(found))

    def files(self, name: str, pattern: str) -> Iterator[Path]:
        """The files of a folder over all roots, sorted by their names."""
        found = {file.name: file for root in self.roots for file in sorted((root / name).glob(pattern))}
        yield from (found[key] for key in sorted(found))


def load(roots: Sequence[Path] = ()) -> Registry:
    """Everything below the shipped tree and `roots`. Raises ConfigurationError with one finding per problem."""
    tree = Tree((TREE, *roots))
    adapters = tuple(_adapter(folder) for folder in tree.folders("adapters") if (folder / "__init__.py").is_file())
    records = (*OWN_SCHEMAS, *(schema for adapter in adapters for schema in adapter.schemas))
    facts_of = _facts_of(tree)
    schemas = Schemas(records, tree.read, facts_of)
    corridors = _corridors(adapters)
    lists, versions = code_lists(tree), versions_of(records)
    problems = tuple(check_versions(versions, corridors.values()))
    if problems:
        raise ConfigurationError(f"{len(problems)} problem(s) with versions of messages", findings=problems)
    return Registry(
        tree=tree,
        adapters=adapters,
        schemas=schemas,
        records=versions.latest(),
        versions=versions,
        corridors=corridors,
        translations=_translations(adapters, versions, tree, facts_of),
        lists=lists,
        codes=code_desks(records, lists, facts_of),
        twins=Twins(versions, tuple(corridors.values()), facts_of),
        facts=facts_of,
    )


def code_lists(tree: Tree) -> CodeLists:
    """The code lists of the trees and their index. Raises ConfigurationError with every problem."""
    return read_code_lists({file.name: file.read_text("utf-8") for file in tree.files("xsd/codes", "*.csv")})


def _facts_of(tree: Tree) -> Callable[[Schema], FactTable]:
    """Reads the facts of a record, each table once."""

    @cache
    def read(path: str, root: str) -> FactTable:
        return load_facts(tree.path(path), root)

    return lambda record: read(record.path, record.root)


def _adapter(folder: Path) -> Adapter:
    module = _import(folder)
    adapter = getattr(module, "ADAPTER", None)
    if not isinstance(adapter, Adapter):
        raise ConfigurationError(f"adapters/{folder.name} has no ADAPTER")
    return adapter


def _import(folder: Path) -> ModuleType:
    name = f"adapters.{folder.name}"
    if folder.parent == TREE / "adapters":
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"adapters/{folder.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _corridors(adapters: Sequence[Adapter]) -> dict[CorridorId, Corridor]:
    found: dict[CorridorId, Corridor] = {}
    parties: set[PartnerId] = set()
    for corridor in (corridor for adapter in adapters for corridor in adapter.corridors):
        if corridor.id in found:
            raise ConfigurationError(f"two corridors are called {corridor.id}")
        found[corridor.id] = corridor
        parties |= {corridor.sender, corridor.receiver}
    return found | {own.id: own for own in map(own_corridor, sorted(parties - {OWN_ID}))}


def _translations(
    adapters: Sequence[Adapter], versions: Versions, tree: Tree, facts_of: Callable[[Schema], FactTable]
) -> dict[str, Translation]:
    problems: list[Finding] = []
    found: dict[str, Translation] = {}
    for adapter in adapters:
        problems += _unaccountable(adapter)
        for table, takes, gives in _tables(adapter, versions):
            sides = facts_of(takes), facts_of(gives)
            try:
                if table.endswith(SUFFIX):
                    found[table] = _stylesheet(tree.read(table), table, *sides)
                    continue
                text = read_table(tree.read(table).decode(), table)
                found[table] = compile_table(text, *sides, adapter.converters, _codes(tree, table))
            except ConfigurationError as error:
                problems += error.findings or (
                    Finding(rule="mapping.table", params={"table": table, "reason": error.detail}),
                )
    if problems:
        raise ConfigurationError(f"{len(problems)} problem(s) in mapping tables", findings=tuple(problems))
    return found


def _stylesheet(octets: bytes, name: str, takes: FactTable, gives: FactTable) -> Translation:
    return compile_stylesheet(read_stylesheet(octets, name), takes, gives, Transformer(octets))


def _unaccountable(adapter: Adapter) -> Iterator[Finding]:
    """Corridors that promise what a stylesheet cannot keep."""
    for corridor in adapter.corridors:
        if corridor.lossless and corridor.mapping.endswith(SUFFIX):
            reason = f"corridor {corridor.id} is lossless, but nobody can tell what a stylesheet leaves out"
            yield Finding(rule="mapping.table", params={"table": corridor.mapping, "reason": reason})


def _tables(adapter: Adapter, versions: Versions) -> Iterator[tuple[str, Schema, Schema]]:
    """Every table an adapter's corridors name, with what it takes and gives."""
    for way in adapter.corridors:
        if way.mapping or way.silence:
            takes = versions.find(way.takes, way.takes_version)
        if way.mapping:
            yield way.mapping, takes, versions.find(way.gives, way.gives_version)
        if way.silence:
            yield way.silence.mapping, takes, versions.find(way.silence.gives, way.silence.gives_version)


def _codes(tree: Tree, table: str) -> dict[str, CodeList]:
    folder = f"{Path(table).parent}/codes"
    return {file.stem: read_codes(file.read_text("utf-8"), file.stem) for file in tree.files(folder, "*.csv")}
