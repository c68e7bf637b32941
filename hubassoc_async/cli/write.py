"""``hubassoc create``, ``create-default``, ``archive``, ``archive-labels``: from a file of links.

Knows: how the arguments are spelt. Does not know: how a write runs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console

from hubassoc_async.cli.arguments import beside, check_files, failure_sink, open_links
from hubassoc_async.cli.connecting import STREAM, F, connecting, connection
from hubassoc_async.cli.write_run import WriteOptions, WriteRun, dry_run
from hubassoc_async.jobs.writing import WriteOrder
from hubassoc_async.model import WriteOperation

_FILES: Final = """
The pairs are CSV, NDJSON (both gzip or not) or Parquet: the content says which; or a table. Their
columns are from_object_id and to_object_id{more}. What `hubassoc read` writes will do.

Links that fail are in PAIRS.failures.ndjson, with the reason; that file can be given to --pairs. A
write that is stopped leaves the links that remain in PAIRS.unwritten.ndjson. Writing a link again
does no harm.

\b
Exit status:
  0  complete
  1  error
  2  usage; with --strict also when a link is not valid: then nothing was sent
  3  done, but some links failed
  4  stopped by the daily quota
  130, 143  stopped by SIGINT, SIGTERM
"""
_TYPED: Final = ", and label, or type_id with or without category"

_CREATE: Final = """Associate records by labels and types.

\b
Examples:
  hubassoc create contacts companies --pairs links.csv --dry-run
  hubassoc create contacts companies --pairs links.csv --labels append --verify

A label is a name from `hubassoc labels FROM TO`, primary or default. HubSpot replaces the labels
of a pair by those given; `--labels append` reads them first and keeps them.
"""
_DEFAULT: Final = """Associate records by the type without a label.

Labels that a pair has stay.
"""
_ARCHIVE: Final = """Remove everything between each pair, whatever its labels.

Columns of types are passed over: to remove some labels only, use archive-labels.
"""
_ARCHIVE_LABELS: Final = """Remove these labels of each pair, and no others.

The type without a label carries all the others: to archive it needs --remove-all-labels.
"""

_OPTIONS: Final = (
    click.argument("from_object_type", metavar="FROM"),
    click.argument("to_object_type", metavar="TO"),
    click.option("--pairs", required=True, metavar="FILE|TABLE|-", help="The links; - is stdin."),
    click.option("--verify", is_flag=True, help="Read back what was written."),
    click.option("--strict", is_flag=True, help="Send nothing unless every link is valid."),
    click.option("--dry-run", is_flag=True, help="Say what it would take, and send nothing."),
    click.option(
        "--failures",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Where links that fail go.  [default: PAIRS.failures.ndjson; stderr for - and tables]",
    ),
    click.option(
        "--unwritten",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Where a write that is stopped lists what remains.  [default: PAIRS.unwritten.ndjson]",
    ),
    click.option(
        "--summary",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write the summary as JSON too.",
    ),
)


def _writing(command: F) -> F:
    command = connecting(command)
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _command(text: str, *, typed: bool) -> Callable[[F], click.Command]:
    """Make a command of a function, with the help of all writes."""
    help_text = text + _FILES.format(more=_TYPED if typed else "")
    return click.command(help=help_text, short_help=text.partition("\n")[0])


@_command(_CREATE, typed=True)
@click.option(
    "--labels",
    type=click.Choice(["replace", "append"]),
    default="replace",
    show_default=True,
    help="What becomes of the labels that a pair has.",
)
@_writing
@click.pass_context
def create(context: click.Context, /, **arguments: Any) -> None:
    """Parse, run, exit."""
    context.exit(_run("create", arguments))


@_command(_DEFAULT, typed=False)
@_writing
@click.pass_context
def create_default(context: click.Context, /, **arguments: Any) -> None:
    """Parse, run, exit."""
    context.exit(_run("create_default", arguments))


@_command(_ARCHIVE, typed=False)
@_writing
@click.pass_context
def archive(context: click.Context, /, **arguments: Any) -> None:
    """Parse, run, exit."""
    context.exit(_run("archive", arguments))


@_command(_ARCHIVE_LABELS, typed=True)
@click.option("--remove-all-labels", is_flag=True, help="Let the type without a label be archived.")
@_writing
@click.pass_context
def archive_labels(context: click.Context, /, **arguments: Any) -> None:
    """Parse, run, exit."""
    context.exit(_run("archive_labels", arguments))


def _run(operation: WriteOperation, arguments: dict[str, Any]) -> int:
    """Check the arguments, open what they name, and run. Returns the exit status."""
    console = Console(stderr=True, highlight=False, emoji=False)
    only_planned = arguments.pop("dry_run")
    pairs = arguments.pop("pairs")
    options = connection(
        arguments,
        token="none" if only_planned else None,
        stdin="the links" if pairs == STREAM else None,
    )
    file = None if pairs == STREAM or "://" in pairs else Path(pairs)
    failures = arguments.pop("failures") or beside(file, ".failures.ndjson")
    unwritten = arguments.pop("unwritten") or beside(file, ".unwritten.ndjson")
    summary = arguments.pop("summary")
    written = {"--failures": failures, "--unwritten": unwritten}
    check_files(({} if only_planned else written) | {"--summary": summary}, "--pairs", pairs)
    order = WriteOrder(operation=operation, **arguments)
    write = WriteOptions(
        **msgspec.structs.asdict(options) | {"summary": summary},
        order=order,
        source=open_links(pairs, option="--pairs", typed=operation in ("create", "archive_labels")),
        failures=failure_sink(failures, order.origin(options.api_version).letter, console),
        unwritten=unwritten,
    )
    return dry_run(write, console) if only_planned else WriteRun(write, console)()
