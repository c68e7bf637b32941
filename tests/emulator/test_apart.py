"""The emulator is judged without the client: nothing here may use it."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OURS = ("hubassoc_async.emulator", "hubassoc_async.cli.emulator", "hubassoc_async.errors")
SHARED = ("hubassoc_async.protocol.message", "hubassoc_async.protocol.published")


def imported(path: Path) -> set[str]:
    """The modules of this package that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name for name in found if name.startswith("hubassoc_async")}


@pytest.mark.parametrize("path", sorted(HERE.glob("*.py")), ids=lambda path: path.stem)
def test_a_test_of_the_emulator_does_not_use_the_client(path: Path) -> None:
    """It writes its requests and reads its answers by itself."""
    foreign = [name for name in imported(path) if not name.startswith(OURS) and name not in SHARED]
    assert foreign == []
