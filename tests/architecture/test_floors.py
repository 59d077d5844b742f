"""The house keeps its floors: imports go down, the world stays in the shell, files stay readable."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS: tuple[tuple[int, str], ...] = (
    (0, r"gateway|gateway\.errors"),
    (1, r"gateway\.(model|terms|lifecycle|reasons|words|simulation|identifiers)"),
    (2, r"gateway\.(xml|gauge|joined|ports|order|messages|strict_json|outline|facts(\..+)?|codes)"),
    (2, r"gateway\.codes\.(lists|numbers|spots)"),
    (3, r"gateway\.envelope(\..+)?"),
    (4, r"gateway\.(seal|mapping|twin)(\..+)?|gateway\.(route|receipt|codes\.(check|streamed))"),
    (4, r"gateway\.schema(\.(atlas|bare|explain|guard|hints|pointers|recognise|reported|rules|sketch))?"),
    (4, r"gateway\.schema\.(stream|traced|versions)"),
    (
        5,
        r"gateway\.(setup|answer|pipeline|notice|reception|refusal|silence|reading|large|attachments|welcome|schema\.(diff|impact)|codes\.desks|twins)",
    ),
    (5, r"gateway\.contract(\.wsdl(_types)?)?"),
    (6, r"gateway\.(shell|testing)(\..+)?"),
    (6, r"gateway\.(registry|catalogue|contract\.openapi(_twins|_words)?)"),
    (6, r"gateway\.schema\.(generate|types|xsd|pages|page_parts|shelf|messages_page)"),
    (7, r"gateway\.(app|__main__|cli|kit|replay)(\..+)?"),
)
DESKS = (
    r"gateway\.schema(\..+)?",
    r"gateway\.mapping(\..+)?",
    r"gateway\.route",
    r"gateway\.receipt",
    r"gateway\.twin(\..+)?",
    r"gateway\.codes\.(check|spots|streamed)",
    r"gateway\.seal(\..+)?",
)
WORLD = {
    "flask", "requests", "psycopg", "psycopg_pool", "sqlite3", "os", "pathlib", "time", "random", "logging", "socket",
    "procrastinate", "granian", "structlog", "subprocess", "zeep",
}  # fmt: skip
MAY = {
    "gateway.pipeline": {"time"},  # perf_counter: durations shown to people, never decided upon
    "gateway.contract.wsdl_types": {"pathlib"},  # PurePosixPath: names of files in the bundle, no disk
}
ADAPTERS_MAY = {"gateway.model", "gateway.errors", "gateway.xml", "gateway.identifiers", "gateway.simulation"}
SIMULATED = ("simulator", "register", "movements")
"""Modules of an adapter that keep the book of its simulated partner."""
BANNED = re.compile(r"(Manager|Handler|Helper|Util|Processor|Service|Impl|Abstract|Default)\b|^Base[A-Z]")
LONGEST_FILE = 300
LONGER = {"gateway.model": 400}  # the words of the house stay in one place
LONGEST_FUNCTION = 50


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    """All of ours but the kit's templates: those are a partner's files and import nothing of ours."""
    for file in sorted([*(ROOT / "gateway").rglob("*.py"), *(ROOT / "adapters").rglob("*.py")]):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name.startswith("gateway.kit.templates"):
            continue
        yield name, file, ast.parse(file.read_text("utf-8"))


MODULES = list(modules())
NAMES = {name for name, _, _ in MODULES}


def named(one: object) -> str:
    """What a case is called: the same in every run, so that runs can be compared and shared out."""
    return one if isinstance(one, str) else type(one).__name__


def imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """(module, inside a function or TYPE_CHECKING block)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.col_offset > 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                yield (deeper if deeper in NAMES else node.module), node.col_offset > 0


def floor(name: str) -> int:
    found = [number for number, pattern in FLOORS if re.fullmatch(pattern, name)]
    assert found, f"{name} has no floor: put it on one in FLOORS"
    return found[0]


@pytest.mark.parametrize(("name", "tree"), [(n, t) for n, _, t in MODULES if n.startswith("gateway")], ids=named)
def test_imports_go_down(name: str, tree: ast.Module) -> None:
    here = floor(name)
    up = [other for other, _ in imports(tree) if other.startswith("gateway") and floor(other) > here]
    assert not up, f"{name} (floor {here}) imports {up}"


@pytest.mark.parametrize(("name", "tree"), [(n, t) for n, _, t in MODULES if n.startswith("gateway")], ids=named)
def test_the_world_stays_in_the_shell(name: str, tree: ast.Module) -> None:
    if floor(name) >= 6:
        return
    found = {other.partition(".")[0] for other, _ in imports(tree)} & (WORLD - MAY.get(name, set()))
    assert not found, f"{name} imports {found}"


@pytest.mark.parametrize(
    ("name", "tree"), [(n, t) for n, _, t in MODULES if any(re.fullmatch(d, n) for d in DESKS)], ids=named
)
def test_desks_do_not_import_one_another(name: str, tree: ast.Module) -> None:
    own = next(desk for desk in DESKS if re.fullmatch(desk, name))
    others = [desk for desk in DESKS if desk != own]
    found = [other for other, _ in imports(tree) if any(re.fullmatch(desk, other) for desk in others)]
    assert floor(name) > 4 or not found, f"{name} imports {found}"


@pytest.mark.parametrize(("name", "tree"), [(n, t) for n, _, t in MODULES if n.startswith("adapters")], ids=named)
def test_adapters_know_only_the_words(name: str, tree: ast.Module) -> None:
    own = ".".join(name.split(".")[:2])
    found = {other for other, _ in imports(tree)}
    strange = {
        o for o in found if o.startswith(("gateway", "adapters")) and o not in ADAPTERS_MAY and not o.startswith(own)
    }
    business = any(part in name for part in SIMULATED)
    world = {other.partition(".")[0] for other in found} & WORLD - ({"sqlite3", "pathlib"} if business else set())
    assert not strange, f"{name} imports {strange}"
    assert not world, f"{name} imports {world}"


@pytest.mark.parametrize(("name", "file"), [(n, f) for n, f, _ in MODULES], ids=named)
def test_files_can_be_read_in_one_sitting(name: str, file: Path) -> None:
    lines = len(file.read_text("utf-8").splitlines())
    assert lines <= LONGER.get(name, LONGEST_FILE), f"{name} has {lines} lines"


@pytest.mark.parametrize(("name", "tree"), [(n, t) for n, _, t in MODULES], ids=named)
def test_functions_are_short_and_names_say_something(name: str, tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{name}.{node.name} has {length} lines"
        if isinstance(node, ast.ClassDef):
            assert not BANNED.search(node.name), f"{name}.{node.name}"


@pytest.mark.parametrize(("name", "tree"), [(n, t) for n, _, t in MODULES], ids=named)
def test_every_public_thing_says_what_becomes_true(name: str, tree: ast.Module) -> None:
    assert ast.get_docstring(tree), f"{name} has no docstring"
    silent = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not silent, f"{name}: {silent}"


def test_no_agency_is_named_in_the_gateway() -> None:
    agencies = [folder.name for folder in (ROOT / "adapters").iterdir() if (folder / "__init__.py").is_file()]
    for name, file, _ in MODULES:
        if name.startswith("gateway"):
            found = [agency for agency in agencies if re.search(rf"\b{agency}\b", file.read_text("utf-8"))]
            assert not found, f"{name} names {found}"


def test_no_private_key_is_in_the_tree() -> None:
    mark = "PRIVATE" + " KEY-----"
    kept = [
        f
        for f in ROOT.rglob("*")
        if f.suffix in {".pem", ".key", ".p12", ".py", ".toml", ".md"} and ".venv" not in f.parts
    ]
    kept = [f for f in kept if ".state" not in f.parts and f.is_file()]
    assert not [f for f in kept if mark in f.read_text("utf-8", "replace")]
