"""What the README shows is run: Python and shell, in order, against a portal on loopback.

* A ``python`` block runs with those before it, top-level ``await`` allowed. It finds ``token`` and
  ``ids``, and clients talk to the portal unless they are given a base URL. A block with tests
  is run by pytest.
* A ``sh`` block runs in bash, in an empty folder where each file that ``--ids`` names exists.
  ``hubassoc`` is this package's, and talks to the portal. Blocks that install are left to the
  CI script, which runs them in an environment of their own.
* ``<!-- not run: why -->`` on the line before a block exempts it.
"""

import ast
import asyncio
import gzip
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pytest

from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator import build_portal
from hubassoc_async.emulator.pytest_plugin import Served

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IDS = [str(1001 + number) for number in range(50)]
FENCE = re.compile(
    r"(?P<exempt>^ *<!-- not run: [^\n]{10,} -->\n+)?"
    r"^(?P<indent> *)```(?P<language>python|sh|bash)\b[^\n]*\n(?P<code>.*?)^ *```",
    re.MULTILINE | re.DOTALL,
)
ASKING = ("read", "export", "import", "sync", "resume", "replay")
"""Commands that are told where the portal is."""
INSTALLS = re.compile(r"-m venv|pip install|uv (pip|add)|apt(-get)? install")


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    line: int
    code: str


def blocks(text: str) -> Iterator[Block]:
    """Give the blocks of a page that are to be run."""
    for found in FENCE.finditer(text):
        language = "python" if found["language"] == "python" else "sh"
        line = text.count("\n", 0, found.start("indent")) + 1
        installs = language == "sh" and INSTALLS.search(found["code"])
        if not found["exempt"] and not installs:
            yield Block(language, line, dedent(found["code"]))


@pytest.fixture
def portal_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a portal, make it every client's default, and be in the environment of a user."""
    served = Served(build_portal(contacts=60, companies=20))
    served.start()
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "pat-na1-readme")
    monkeypatch.setitem(AssociationsClient.__init__.__kwdefaults__ or {}, "base_url", served.url)
    yield served.url
    served.stop()


def run_python(block: Block, page: Path, names: dict[str, Any]) -> None:
    """Run a block with what earlier ones defined; it may await."""
    padded = "\n" * block.line + block.code  # so that a traceback names the page's own line
    code = compile(padded, str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    async def main() -> None:
        value = eval(code, names)
        if inspect.isawaitable(value):
            await value

    asyncio.run(main())


def run_tests(block: Block, folder: Path) -> None:
    """Run a block of tests as the user's own file."""
    (folder / "test_shown.py").write_text(block.code)
    command = [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", "."]
    check(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False))


def run_shell(block: Block, folder: Path, url: str) -> None:
    """Run a block in bash, every command of it with success."""
    for name in re.findall(r"--ids[ =]([\w./-]+\.\w+)", block.code):
        header = "Record ID,Name\n" if ".csv" in name else ""
        text = header + "".join(f"{one},x\n" if header else f"{one}\n" for one in IDS)
        data = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
        (folder / name).write_bytes(data)
    tools = folder / ".tools"
    tools.mkdir(exist_ok=True)
    shim = tools / "hubassoc"
    shim.write_text(
        "#!/bin/sh\n"
        f'case "$1" in {"|".join(ASKING)}) set -- "$@" --base-url {url};; esac\n'
        f'exec "{sys.executable}" -m hubassoc_async "$@"\n'
    )
    shim.chmod(0o755)
    code = re.sub(r"(\.?[\w./-]*/)?bin/hubassoc\b", "hubassoc", block.code)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    check(
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", code],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    )


def check(done: "subprocess.CompletedProcess[str]") -> None:
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_works(
    page: Path, portal_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block of Python and shell on a page runs to its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUBASSOC_JOBS", str(tmp_path / ".jobs"))
    names: dict[str, Any] = {"__name__": "readme", "token": "pat-na1-readme", "ids": list(IDS)}
    for block in blocks(page.read_text(encoding="utf-8")):
        try:
            if block.language == "sh":
                run_shell(block, tmp_path, portal_url)
            elif re.search(r"^(async )?def test_", block.code, re.MULTILINE):
                run_tests(block, tmp_path)
            else:
                run_python(block, page, names)
        except Exception as error:
            raise AssertionError(f"{page.name}, line {block.line}: {error}") from error


PAGE = """\
```python
from hubassoc_async import AssociationsClient
async with AssociationsClient(token) as client:
    result = await client.read("contacts", "companies", ids)
```
Then:
```python
assert len(result) == len(ids), result
```
```sh
hubassoc read contacts companies --ids people.csv --output out.ndjson
test "$(wc -l < out.ndjson)" = 50
```
```sh
python3 -m venv .venv && .venv/bin/pip install . && false
```
<!-- not run: it would take a HubSpot account -->
```sh
false
```
```text
false
```
"""


def test_a_page_is_run_as_told(
    portal_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks share names, await, read from the portal; what installs or is exempt is not run."""
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    test_what_a_page_shows_works(page, portal_url, tmp_path, monkeypatch)
    assert [block.language for block in blocks(PAGE)] == ["python", "python", "sh"]


@pytest.mark.parametrize(
    "wrong",
    [
        "```python\nassert len(ids) == 1\n```\n",
        "```python\nawait nothing\n```\n",
        "```sh\nhubassoc read contacts --ids x.txt\n```\n",
        "```sh\nfalse | true\n```\n",
        "```python\ndef test_it():\n    assert False\n```\n",
        "```sh\nfalse\n```\n<!-- not run: -->\n",
    ],
)
def test_a_wrong_page_fails(
    wrong: str, portal_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block that does not work fails the page, and the message names its line."""
    page = tmp_path / "page.md"
    page.write_text("\n" + wrong)
    with pytest.raises(AssertionError, match=r"page\.md, line 2: "):
        test_what_a_page_shows_works(page, portal_url, tmp_path, monkeypatch)
