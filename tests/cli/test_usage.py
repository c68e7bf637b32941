"""What is wrong with a command is said in one sentence, before anything is sent or written."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hubassoc_async.cli.commands import hubassoc as hubassoc_group
from tests.cli.command import TOKEN, environment, hubassoc, names

READ = ("read", "contacts", "companies", "--base-url", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--output", "x.ndjson"), "Missing option '--ids'"),
        (("--ids", "ids"), "Missing option '--output'"),
        (("--ids", "nowhere", "--output", "x.ndjson"), "cannot read nowhere"),
        (("--ids", "ids.csv", "--output", "x.ndjson"), "'Name', 'Email'"),
        (
            ("--ids", "ids.csv", "--id-column", "Contact", "--output", "x.ndjson"),
            "no column 'Contact'",
        ),
        (("--ids", "ids", "--output", "x.txt"), "--format ndjson|csv|parquet"),
        (("--ids", "ids", "--output", "x.parquet.gz"), "compresses"),
        (("--ids", "ids", "--output", "nowhere/x.csv"), "there is no directory"),
        (("--ids", "ids", "--output", "ids", "--format", "csv"), "the same file"),
        (("--ids", "ids", "--output", "x.csv", "--failures", "x.csv"), "the same file"),
        (("--ids", "-", "--output", "x.csv", "--token-file", "-"), "stdin"),
        (("--ids", "ids", "--output", "x.csv", "--token-file", "nowhere"), "cannot read"),
        (("--ids", "ids", "--output", "x.csv", "--token-file", "two"), "one token"),
        (("--ids", "ids", "--output", "x.csv", "--quota", "fast"), "not a quota"),
        (("--ids", "ids", "--output", "x.csv", "--quota", "0/10"), "at least 1 request"),
        (("--ids", "ids", "--output", "x.csv", "--api-version", "v9"), "2026-03"),
        (("--ids", "ids", "--output", "x.csv", "--concurrency", "0"), "x>=1"),
        (("--ids", "ids", "--output", "x.csv", "--base-url", "ftp://x"), "base_url must be"),
    ],
)
def test_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    """It is exit 2, it is said on stderr, and no file is left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", TOKEN)
    (tmp_path / "ids").write_text("1001\n")
    (tmp_path / "ids.csv").write_text("Name,Email\nA,B\n")
    (tmp_path / "two").write_text(f"{TOKEN} {TOKEN}\n")
    before = names(tmp_path)
    done = CliRunner().invoke(hubassoc_group, [*READ, *arguments], catch_exceptions=False)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())
    assert TOKEN not in done.stderr
    assert names(tmp_path) == before


ENDS = ("contacts", "companies")


@pytest.mark.parametrize("scheme", ["mysql", "postgresql+psycopg2", "postgresql"])
@pytest.mark.parametrize(
    "command",
    [
        ("read", *ENDS, "--output", "x.ndjson", "--ids"),
        ("read", *ENDS, "--ids", "ids", "--output"),
        ("export", *ENDS, "--to", "x.ndjson", "--ids"),
        ("export", *ENDS, "--ids", "ids", "--to"),
        ("import", *ENDS, "--operation", "create-default", "--from"),
        ("create", *ENDS, "--pairs"),
        ("sync", *ENDS, "--plan", "plan", "--desired"),
        ("diff", "ids", "ids", "--to"),
        ("diff", "links.csv"),
    ],
)
def test_a_password_in_a_url_is_said_to_nobody(
    command: tuple[str, ...], scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a database that is not known, or where only files can be, is taken for no path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("HUBASSOC_JOBS", str(tmp_path))
    (tmp_path / "ids").write_text("1001\n")
    (tmp_path / "links.csv").write_text("from_object_id,to_object_id\n1001,2001\n")
    # 1: nothing listens there, where PostgreSQL could be meant
    url = f"{scheme}://bob:S3cretPw@127.0.0.1:1/crm?table=t"
    done = CliRunner().invoke(hubassoc_group, [*command, url], catch_exceptions=False)
    assert done.exit_code == 2
    assert "S3cretPw" not in done.output
    assert f"{scheme}://" in done.output


async def test_object_type(tmp_path: Path) -> None:
    """An object type that cannot be one is a usage error, found before anything is sent."""
    (tmp_path / "ids").write_text("1001\n")
    command = ("read", "con/tacts", "companies", "--ids", "ids", "--output", "x.csv")
    done = await hubassoc(*command, "--base-url", "http://127.0.0.1:9", cwd=tmp_path)
    assert done.status == 2
    assert "con/tacts" in done.err
    assert names(tmp_path) == ["ids"]


async def test_no_token(tmp_path: Path) -> None:
    """Without a token it is said where one is looked for."""
    (tmp_path / "ids").write_text("1001\n")
    done = await hubassoc(
        *READ, "--ids", "ids", "--output", "x.csv", cwd=tmp_path, HUBSPOT_ACCESS_TOKEN=" "
    )
    assert done.status == 2
    assert "HUBSPOT_ACCESS_TOKEN" in done.err
    assert "--token-file" in done.err


async def test_help(tmp_path: Path) -> None:
    """Help has examples and every exit status, and the token of the environment is not in it."""
    done = await hubassoc("read", "--help", cwd=tmp_path)
    assert done.status == 0
    for words in (b"Examples:", b"hubassoc read contacts companies", b"4  stopped by the daily"):
        assert words in done.out
    assert b"read" in (await hubassoc(cwd=tmp_path)).err.encode()


def test_every_command_has_help() -> None:
    """Each command that the group lists can be asked what it does."""
    context = click.Context(hubassoc_group)
    commands = hubassoc_group.list_commands(context)
    assert len(commands) >= 18
    for name in commands:
        done = CliRunner().invoke(hubassoc_group, [name, "--help"], catch_exceptions=False)
        assert done.exit_code == 0
        assert done.output.startswith(f"Usage: hubassoc {name}")


def test_a_command_starts_alone() -> None:
    """What only other commands need is not loaded: a read starts without the emulator."""
    program = (
        "import sys; sys.argv[1:] = ['read', '--help']\n"
        "from hubassoc_async.cli import main\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.splitlines()[-1].split()
    assert "hubassoc_async.cli.read" in loaded
    assert not [name for name in loaded if name.startswith("hubassoc_async.emulator")]


async def test_version(tmp_path: Path) -> None:
    """``--version`` says the version that is installed."""
    done = await hubassoc("--version", cwd=tmp_path)
    assert done.out == b"hubassoc, version 0.1.0\n"


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra(missing: str) -> None:
    """Without its libraries the command says in one sentence how to get them."""
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from hubassoc_async.cli import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "hubassoc: the command line is an extra: pip install 'hubassoc_async[cli]'\n"
    )


def test_without_parquet(tmp_path: Path) -> None:
    """Without pyarrow, Parquet is a usage error that says how to get it."""
    (tmp_path / "ids").write_text("1001\n")
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        f"sys.argv[1:] = {[*READ, '--ids', 'ids', '--output', 'x.parquet']!r}\n"
        "from hubassoc_async.cli import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment(),
    )
    assert done.returncode == 2
    assert "pip install 'hubassoc_async[parquet]'" in done.stderr
    assert names(tmp_path) == ["ids"]
