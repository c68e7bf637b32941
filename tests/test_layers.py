"""The design's layers, held by walking every import: who may know whom, and which library where.

A module that no row of the tables names fails: adding one means saying where it belongs.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "hubassoc_async"

CORE = ("protocol", "errors", "model")
WRITES = ("writes", "write_stream", "labels", "limits", "listing", "one_pair", "calls")
CLIENT = ("client", "stream", *WRITES, "outcome_stream", "sender", "pacing", "transport")

LAYERS: dict[str, tuple[str, ...]] = {
    # module or folder: what it may import of this package (itself always); most exact row wins
    "": ("portals", *CLIENT, *CORE),
    "errors": ("model",),
    "model": (),
    "protocol": CORE,
    "pacing": ("protocol.quota", "protocol.message", "errors", "model"),
    "transport": ("protocol.message", "errors", "model"),
    "sender": ("pacing", "transport", *CORE),
    "outcome_stream": ("sender", "pacing", *CORE),
    "stream": ("outcome_stream", "sender", "pacing", *CORE),
    "write_stream": ("outcome_stream", "sender", "pacing", *CORE),
    "calls": ("sender", "pacing", *CORE),
    "labels": ("calls", *CORE),
    "limits": ("calls", *CORE),
    "listing": ("calls", *CORE),
    "one_pair": ("calls", "labels", *CORE),
    "writes": ("write_stream", "labels", "pacing", *CORE),
    "client": (*CLIENT, *CORE),
    "portals": ("client", *CORE),
    "jobs": (
        *("client", "stream", "write_stream", "outcome_stream", "listing", "pacing"),
        *("protocol.ids", "errors", "model"),
    ),
    "jobs.sync_rules": (
        *("protocol.ids", "protocol.label_types", "protocol.type_names", "errors", "model"),
    ),
    "jobs.diff": ("protocol.published", "errors", "model"),
    "jobs.plan_file": ("protocol.versions", "errors", "model"),
    "jobs.sync_task": ("client", "protocol.versions", "errors"),
    "cli": (
        *("jobs", "emulator", *CLIENT, "protocol.versions", "protocol.planning"),
        *("protocol.label_types", "errors", "model"),
    ),
    "emulator": ("protocol.message", "protocol.versions", "protocol.published", "errors"),
    "__main__": ("cli",),
}
"""cli > jobs > client > transport, pacing, protocol > model, errors. The emulator is the other
peer: a codec shared with the client would let one mistake cancel the other out."""

LIBRARIES: dict[str, tuple[str, ...]] = {
    "msgspec": ("",),
    "aiohttp": ("transport", "emulator.server"),
    "yarl": ("transport",),
    "aiolimiter": ("pacing",),
    "click": ("cli",),
    "rich": ("cli",),
    "pyarrow": ("jobs",),
    "duckdb": ("jobs",),
    "psycopg": ("jobs",),
    "redis": ("pacing.shared_redis",),
    "pytest": ("emulator.pytest_plugin",),
}
"""Third-party library: the modules or folders that may import it. "" is all. An import for typing
alone is free: it names what a caller hands over."""

LAZY = {"pyarrow", "duckdb", "psycopg", "redis"}
"""Libraries of optional extras: imported where they are used, never when a module loads."""

NOT_PURE = {
    *("asyncio", "http", "io", "os", "pathlib", "random", "secrets", "selectors", "socket"),
    *("ssl", "subprocess", "tempfile", "threading", "time"),
}
"""What the sans-IO core never imports: loops, clocks, chance, files."""

MOST_LINES = {PACKAGE: 350, "tests": 400, "benchmarks": 350}
"""Lines of a file, by folder."""
MOST_LINES_A_FUNCTION = 45
"""Without its docstring."""


class Import(NamedTuple):
    """One import statement's target."""

    module: str
    line: int
    at_load: bool
    """Whether it happens when the module loads, rather than inside a function or for typing."""
    typing_only: bool


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def dotted(path: Path) -> str:
    """Name a file of the package without the package's own name: "" is its __init__."""
    parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def row(table: dict[str, tuple[str, ...]], name: str) -> tuple[str, ...] | None:
    """Find the most exact row for a module: its own, or that of a folder around it."""
    while name not in table and "." in name:
        name = name.rpartition(".")[0]
    return table.get(name)


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def imports(tree: ast.Module, package: str) -> Iterator[Import]:
    """Give every import of a module, absolute, with where it happens."""

    def walk(node: ast.AST, at_load: bool, typing_only: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, at_load, typing_only)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno, at_load, typing_only)
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, at_load and not inside and not guarded, typing_only or guarded)

    return walk(tree, True, False)


def broken_rules(path: Path) -> Iterator[str]:
    """Say which imports of one file break the tables."""
    name = dotted(path)
    allowed = row(LAYERS, name)
    if allowed is None:
        yield f"{path.name}: no row of LAYERS says where {name!r} belongs"
        return
    package = ".".join(path.relative_to(ROOT).parent.parts)
    for found in imports(ast.parse(path.read_text()), package):
        yield from (
            f"{path.relative_to(ROOT)}:{found.line}: {problem}"
            for problem in problems(name, allowed, found)
        )


def problems(name: str, allowed: tuple[str, ...], found: Import) -> Iterator[str]:
    """Say what is wrong with one import made by the module ``name``."""
    top = found.module.partition(".")[0]
    if top == PACKAGE:
        target = found.module.removeprefix(PACKAGE).removeprefix(".")
        own = name.partition(".")[0]
        if not (within(target, allowed) or (own and within(target, (own,)))):
            yield f"{name or PACKAGE} must not know {target or PACKAGE}"
    elif top in sys.stdlib_module_names:
        if within(name, ("protocol",)) and top in NOT_PURE:
            yield f"{name} is sans-IO and must not know {top}"
    elif top not in LIBRARIES:
        if not found.typing_only:
            yield f"{top} is not in LIBRARIES"
    elif not found.typing_only:
        if LIBRARIES[top] != ("",) and not within(name, LIBRARIES[top]):
            yield f"{top} is only for {', '.join(LIBRARIES[top])}"
        if top in LAZY and found.at_load:
            yield f"{top} must be imported where it is used"


@pytest.mark.parametrize("path", sources(PACKAGE), ids=lambda path: dotted(path) or PACKAGE)
def test_a_module_imports_only_from_below_itself(path: Path) -> None:
    """Every import of the package obeys the tables of layers and libraries."""
    assert not list(broken_rules(path))


@pytest.mark.parametrize("path", sources(f"{PACKAGE}/protocol"), ids=dotted)
def test_the_core_never_awaits(path: Path) -> None:
    """The sans-IO core has no coroutine and opens no file."""
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor)
        assert not (isinstance(node, ast.Name) and node.id == "open")


@pytest.mark.parametrize(
    "path",
    sources(PACKAGE, "tests", "benchmarks"),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_files_and_functions_stay_short(path: Path) -> None:
    """No file and no function grows past what a reader holds in mind."""
    source = path.read_text()
    assert len(source.splitlines()) <= MOST_LINES[path.relative_to(ROOT).parts[0]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                docstring = node.body[0]
                lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
            assert lines <= MOST_LINES_A_FUNCTION, f"{node.name}: {lines} lines"


def test_the_library_loads_no_extra() -> None:
    """Importing the library loads nothing of its optional extras, nor what few callers need."""
    code = f"import sys, {PACKAGE}; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.split()
    assert PACKAGE in loaded
    assert not {"click", "rich", "hubspot", "jsonschema", *LAZY} & set(loaded)
    assert not {"sqlite3", "zoneinfo", "difflib"} & set(loaded)


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("model", "import aiohttp", "only for transport"),
        ("model", "from hubassoc_async import client", "must not know client"),
        ("protocol.wire", "from hubassoc_async.client import X", "must not know client"),
        ("protocol.wire", "import time", "sans-IO"),
        ("emulator.portal", "from hubassoc_async.protocol import wire", "know protocol.wire"),
        ("emulator.portal", "from ..protocol.wire import X", "know protocol.wire"),
        ("client", "import aiolimiter", "only for pacing"),
        ("jobs.sinks", "import pyarrow.parquet", "where it is used"),
        ("jobs.sinks", "import requests", "not in LIBRARIES"),
    ],
)
def test_a_breach_is_seen(name: str, source: str, complaint: str) -> None:
    """Each rule complains of the import it is there to forbid."""
    allowed = row(LAYERS, name)
    assert allowed is not None
    package = f"{PACKAGE}.{name}".rpartition(".")[0]
    found = list(imports(ast.parse(source), package))
    said = [problem for each in found for problem in problems(name, allowed, each)]
    assert any(complaint in problem for problem in said), said
