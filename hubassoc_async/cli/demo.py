"""``hubassoc demo``: a real read, over a socket, from a portal on this machine.

Knows: what to show. The read is the one that ``hubassoc read`` makes.
"""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console
from rich.text import Text

from hubassoc_async.cli import demo_portal
from hubassoc_async.cli.arguments import Arguments, open_read
from hubassoc_async.cli.connecting import Connection
from hubassoc_async.cli.job_run import COMPLETE
from hubassoc_async.cli.run import Run
from hubassoc_async.jobs import Progress
from hubassoc_async.pacing import Quota, Quotas

_PATIENCE = 5.0  # seconds for the portal to end by itself


@click.command(short_help="Try it without an account: read from a portal on this machine.")
@click.pass_context
def demo(context: click.Context) -> None:
    """Try it without an account: read 50,000 contacts from a portal on this machine.

    Starts an embedded HubSpot portal in another process on a loopback port, reads the companies
    of its contacts as `hubassoc read` does, and says what happened and where the file is.
    """
    console = Console(stderr=True, highlight=False, emoji=False)
    directory = Path(tempfile.mkdtemp(prefix="hubassoc-demo-"))
    _say(console, f"Starting a HubSpot portal with {demo_portal.CONTACTS:,} contacts ...")
    with _portal() as url:
        arguments = _prepare(directory)
        quota = Quota(demo_portal.REQUESTS, demo_portal.SECONDS)
        _show_command(console, arguments, f"--base-url {url} --quota {quota}")
        connection = Connection(
            token=demo_portal.TOKEN, base_url=url, quota=Quotas(associations=quota)
        )
        run = Run(open_read(arguments, connection, console), console)
        status = run()
    if status == COMPLETE and run.progress is not None:
        _explain(console, Path(arguments.output), run.progress)
    context.exit(status)


def _prepare(directory: Path) -> Arguments:
    """The files that a user would have, and what they would type."""
    ids = directory / "contacts.csv"
    with ids.open("w", encoding="utf-8-sig", newline="") as file:  # as HubSpot exports it
        file.write('"Record ID","First Name"\r\n')
        for number in range(demo_portal.FIRST, demo_portal.FIRST + demo_portal.CONTACTS):
            file.write(f'"{number}","Contact {number}"\r\n')
    (directory / "token").write_text(f"{demo_portal.TOKEN}\n")
    return Arguments(
        from_object_type="contacts",
        to_object_type="companies",
        ids=str(ids),
        output=str(directory / "companies.ndjson"),
    )


def _show_command(console: Console, arguments: Arguments, how: str) -> None:
    parts = (
        f"$ hubassoc read {arguments.from_object_type} {arguments.to_object_type}",
        f"--ids {arguments.ids}",
        f"--output {arguments.output}",
        f"--token-file {Path(arguments.output).with_name('token')}",
        how,
    )
    _say(console, "\n" + " \\\n    ".join(parts) + "\n", "bold", soft_wrap=True)


def _explain(console: Console, output: Path, progress: Progress) -> None:
    """Say what one has seen."""
    _say(
        console,
        f"\n{progress.requests} requests of up to 1,000 contacts were enough. The portal takes "
        f"{demo_portal.REQUESTS} of them in any {demo_portal.SECONDS:g} s and refused "
        f"{progress.rate_limited}. One was answered by an error on purpose, and was repeated. "
        f"{demo_portal.HEAVY} contacts have {demo_portal.HEAVY_SIZE:,} companies each, on several "
        "pages, which shared the requests of other contacts. One line of the file is one contact:",
    )
    with output.open() as lines:
        for line in islice(lines, 2):
            console.print(Text(f"  {line.strip()}", "dim"), no_wrap=True, overflow="ellipsis")
    size = output.stat().st_size / 1e6
    _say(console, f"\nThe file is {output} ({size:.0f} MB).", "bold", soft_wrap=True)


@contextlib.contextmanager
def _portal() -> Iterator[str]:
    """A portal in another process. It is gone afterwards, whatever happens."""
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", demo_portal.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for us; the portal ends with its stdin
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().decode().strip()
            if not url:
                errors.seek(0)
                _fail(errors.read().decode(errors="replace"))
            yield url
        finally:
            process.stdin.close()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def _fail(said: str) -> NoReturn:
    raise click.ClickException(f"the portal did not start:\n{said}")


def _say(console: Console, text: str, style: str = "", *, soft_wrap: bool = False) -> None:
    console.print(Text(text, style=style), soft_wrap=soft_wrap)
