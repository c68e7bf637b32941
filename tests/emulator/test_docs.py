"""docs/emulator.md says what is true: its code runs, its tables are complete, its tests exist."""

import ast
import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from hubassoc_async.emulator import Unknowns
from hubassoc_async.emulator.faults import KINDS
from hubassoc_async.emulator.persist import load
from tests.emulator.asking import read

pytest_plugins = ["pytester"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "emulator.md"
TEXT = DOCUMENT.read_text("utf-8")
MODULE = "hubassoc_async.emulator.pytest_plugin"
INSTALLED = any(point.value == MODULE for point in entry_points(group="pytest11"))

MY_SYNC = """
import json, urllib.error, urllib.request

def my_sync(url, ids):
    body = json.dumps({"inputs": [{"id": i} for i in ids]}).encode()
    path = "/crm/associations/2026-03/contacts/companies/batch/read"
    request = urllib.request.Request(url + path, body, {"Authorization": "Bearer any"})
    while True:
        try:
            with urllib.request.urlopen(request) as answer:
                results = json.load(answer)["results"]
        except urllib.error.HTTPError as error:
            error.close()
            continue
        return {r["from"]["id"]: [str(to["toObjectId"]) for to in r["to"]] for r in results}

"""
"""An integration such as a reader has, which the quick start does not spell out."""


def blocks(language: str) -> list[str]:
    """The document's blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables under a heading, without their heads."""
    part = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert part, heading
    lines = [line for line in part.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rules = [at for at, row in enumerate(cells) if set(row[0]) == {"-"}]
    heads = {at for rule in rules for at in (rule - 1, rule)}
    return [row for at, row in enumerate(cells) if at not in heads]


def quoted(text: str) -> list[str]:
    """What stands in back quotes."""
    return re.findall(r"`([^`]+)`", text)


def test_the_quick_start_passes(pytester: pytest.Pytester) -> None:
    """As it is written, with an integration that tries again."""
    first, _ = blocks("python")
    pytester.makepyfile(MY_SYNC + first)
    options = [] if INSTALLED else ["-p", MODULE]
    result = pytester.runpytest_subprocess(*options, "-p", "no:cacheprovider", "-q")
    result.assert_outcomes(passed=1)


def test_the_quick_start_is_five_lines() -> None:
    """As promised."""
    assert len(blocks("python")[0].strip().splitlines()) == 5


def test_the_other_code_runs() -> None:
    """The imports are there."""
    exec(compile(blocks("python")[1], str(DOCUMENT), "exec"), {})


def test_the_lines_of_ndjson_load(tmp_path: Path) -> None:
    """Both that are shown."""
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    lines = [text for text in quoted(prose) if text.startswith(('{"objects"', '{"associations"'))]
    path = tmp_path / "portal.ndjson"
    path.write_text("\n".join(lines))
    assert len(lines) == 2
    assert len(read(load(path), "1")["results"]) == 1


def test_every_fault_is_told() -> None:
    """Each kind, and none that is not there."""
    told = [name for row in rows("Breaking it") for name in quoted(row[1])]
    assert sorted(told) == sorted(KINDS)


def test_every_setting_is_told() -> None:
    """Each with its default."""
    told = {quoted(name)[0]: default for name, default, _ in rows("What nobody knows")}
    defaults = zip(Unknowns.__struct_fields__, Unknowns.__struct_defaults__, strict=True)
    spelt = {
        name: value if isinstance(value, str) else str(value).lower() for name, value in defaults
    }
    assert told == spelt


def test_every_fact_has_tests_that_are_there() -> None:
    """Facts are numbered in order, and each names tests of this directory."""
    here = {
        node.name
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    facts = rows("What it knows")
    numbers = [tuple(map(int, number.split("."))) for number, *_ in facts]
    assert numbers == sorted(set(numbers))
    assert {first for first, _ in numbers} == set(range(1, 11))
    for number, *_, tests in facts:
        named = quoted(tests)
        assert named, number
        assert set(named) <= here, (number, set(named) - here)
