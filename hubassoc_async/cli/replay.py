"""``hubassoc replay``: what failed once more, where that is worth it.

Knows: how the arguments are spelt. Does not know: how a read or a write runs.
"""

from pathlib import Path
from typing import Any, Final

import click
import msgspec
from msgspec import UNSET
from rich.console import Console

from hubassoc_async.cli.arguments import (
    Arguments,
    beside,
    check_files,
    check_no_url,
    failure_sink,
    open_read,
)
from hubassoc_async.cli.connecting import Connection, connecting, connection
from hubassoc_async.cli.display import counted
from hubassoc_async.cli.job_run import COMPLETE
from hubassoc_async.cli.journaled_run import refusing
from hubassoc_async.cli.run import Run
from hubassoc_async.cli.write_run import WriteOptions, WriteRun
from hubassoc_async.jobs.dead_letters import Origin
from hubassoc_async.jobs.remains import UNWRITTEN
from hubassoc_async.jobs.replaying import LetterIds, LetterLinks, Letters
from hubassoc_async.jobs.text_file import SourceError
from hubassoc_async.jobs.writing import WriteOrder

_HELP: Final = """Try again what failed, where that is worth it.

FAILURES is the file of failures of any command: each line says which operation it is of, and
whether the failure was of the moment. Only those are tried, and how many of which kind were not is
said; --all tries them all. What fails again is in another file of failures.

\b
Examples:
  hubassoc replay companies.ndjson.failures.ndjson --to rest.ndjson
  hubassoc replay links.csv.failures.ndjson

\b
Exit status:
  0  complete
  1  error
  2  usage
  3  done, but some failed again
  4  stopped by the daily quota
  130, 143  stopped by SIGINT, SIGTERM
"""
_PATH = click.Path(path_type=Path, dir_okay=False)


@click.command(help=_HELP, short_help="Try again what failed, where that is worth it.")
@click.argument("failures", type=_PATH)
@click.option("--to", metavar="FILE|-", help="Where what is read goes; writes need none.")
@click.option("--all", "every", is_flag=True, help="Those too that will hardly go better.")
@click.option(
    "--failures",
    "again",
    type=_PATH,
    metavar="FILE",
    help="Where what fails again goes.  [default: TO or FAILURES with .failures.ndjson]",
)
@click.option("--summary", type=_PATH, metavar="FILE", help="Write the summary as JSON too.")
@connecting
@click.pass_context
def replay(context: click.Context, /, failures: Path, every: bool, **arguments: Any) -> None:
    """Parse, run, exit."""
    check_no_url("FAILURES", failures)
    try:
        origin = Letters(failures).origin
        kind = LetterIds if origin.operation == "read" else LetterLinks
        letters = kind(failures, every=every)
    except SourceError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"cannot read FAILURES {failures}: {error.strerror}") from error
    source = context.get_parameter_source("api_version")
    if source is not click.core.ParameterSource.COMMANDLINE:
        arguments["api_version"] = origin.api_version
    to = arguments.pop("to")
    if (to is None) is isinstance(letters, LetterIds):
        raise click.UsageError(
            f"these are failures of {origin.operation.replace('_', '-')}:"
            f" {'say with --to where the result goes' if to is None else 'leave --to away'}"
        )
    options = connection(arguments)
    console = Console(stderr=True, highlight=False, emoji=False)
    if not options.quiet:
        click.echo(_chosen(letters), err=True)
    if not letters.chosen:
        context.exit(COMPLETE)
    if isinstance(letters, LetterIds):
        context.exit(_read(letters, to, options, console, **arguments)())
    context.exit(_write(letters, options, console, **arguments)())


def _read(
    letters: LetterIds,
    to: str,
    options: Connection,
    console: Console,
    *,
    again: Path | None,
    summary: Path | None,
) -> Run:
    origin = letters.origin
    arguments = Arguments(
        from_object_type=origin.from_object_type,
        to_object_type=origin.to_object_type,
        ids=letters.name,
        output=to,
        failures=again,
        summary=summary,
    )
    return Run(open_read(arguments, options, console, source=letters), console)


def _write(
    letters: LetterLinks,
    options: Connection,
    console: Console,
    *,
    again: Path | None,
    summary: Path | None,
) -> WriteRun:
    order = _order(letters.origin)
    path = again or beside(letters.path, ".failures.ndjson")
    check_files({"--failures": path, "--summary": summary}, "FAILURES", letters.name)
    unwritten = beside(letters.path, ".unwritten.ndjson")
    if unwritten is not None:
        with refusing():
            UNWRITTEN.check(unwritten)
    write = WriteOptions(
        **msgspec.structs.asdict(options),
        summary=summary,
        order=order,
        source=letters,
        failures=failure_sink(path, order.origin(options.api_version).letter, console),
        unwritten=unwritten,
    )
    return WriteRun(write, console)


def _order(origin: Origin) -> WriteOrder:
    assert origin.operation != "read"
    return WriteOrder(
        operation=origin.operation,
        from_object_type=origin.from_object_type,
        to_object_type=origin.to_object_type,
        labels="replace" if origin.labels is UNSET else origin.labels,
        remove_all_labels=origin.remove_all_labels is True,
    )


def _chosen(letters: Letters) -> str:
    """Say how many are tried, and how many of which kind are not."""
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in letters.left.most_common())
    left = f"; not worth it: {kinds} (--all tries them too)" if kinds else ""
    return f"{counted(letters.chosen, 'failure')} to try again{left}"
