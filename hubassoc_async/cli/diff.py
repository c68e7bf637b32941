"""``hubassoc diff``: what changed between two exports.

Knows: how the arguments are spelt. Does not know: how exports are compared.
"""

import sys
from pathlib import Path
from typing import Final

import click

from hubassoc_async.cli.arguments import check_files
from hubassoc_async.cli.connecting import STREAM
from hubassoc_async.cli.display import counted
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.diff import FEEDS, Diff, diff, feed_writer
from hubassoc_async.jobs.edge_compare import ChangeCounts
from hubassoc_async.jobs.files import OpenStream, Target, open_target

_HELP: Final = """Say which associations two exports differ in: added, removed, relabelled.

OLD and NEW are what `hubassoc export` or `read` wrote: NDJSON, CSV (both gzip or not), Parquet, a
folder of Parquet files, or the URL of a table; or files of links. They may be larger than memory
and of different formats: they are sorted in temporary files (TMPDIR says where).

\b
Examples:
  hubassoc diff monday.ndjson.gz tuesday.ndjson.gz --to changes.ndjson
  hubassoc diff old/ 'sqlite:///crm.db?table=associations' --format csv

Each change has what was before and what is after. A record that only one of two NDJSON exports
lists was not read for the other, or failed: it is not compared, but counted; with --absent none it
is taken for a record without associations, as it always is where an export has rows, which cannot
list one. A label that was renamed is no change.

\b
Exit status:
  0  compared, whether or not there are changes
  1  error
  2  usage; also when the exports are of different object types, or cannot be read
"""


@click.command("diff", help=_HELP, short_help="Say which associations two exports differ in.")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--to", metavar="FILE", help="Where the changes go.  [default: stdout]")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FEEDS),
    help="  [default: by FILE's ending, ndjson]",
)
@click.option(
    "--absent",
    type=click.Choice(["skip", "none"]),
    default="skip",
    show_default=True,
    help="What a record is that an export does not list.",
)
def diff_command(old: str, new: str, to: str | None, format_name: str | None, absent: str) -> None:
    """Parse, compare, write."""
    for option, read in (("OLD", old), ("NEW", new)):
        check_files({"--to": None if to in (None, STREAM) else Path(to or "")}, option, read)
    try:
        changes = diff(old, new, absent_is_none=absent == "none")
    except UsageError as error:  # a SourceError is one in spirit
        raise click.UsageError(str(error)) from error
    except (ValueError, OSError) as error:
        raise click.UsageError(_reason(error)) from error
    with changes:
        try:
            _write(changes, to, format_name)
        except BrokenPipeError:  # who reads it has seen enough
            raise
        except OSError as error:
            reason = f"the changes cannot be written: {_reason(error)}"
            raise click.ClickException(reason) from error
    for line in _lines(changes.counts):
        click.echo(line, err=True)


def _write(changes: Diff, to: str | None, format_name: str | None) -> None:
    target: Target
    if to in (None, STREAM):
        target = OpenStream(sys.stdout.buffer)
    else:
        try:
            target = open_target(Path(to or ""))
        except OSError as error:
            raise click.UsageError(f"--to: cannot write {_reason(error)}") from error
    by_ending = "csv" if (to or "").lower().endswith(".csv") else "ndjson"
    try:
        feed_writer(format_name or by_ending)(target.file, changes)
        target.commit()
    finally:
        target.abort()


def _lines(counts: ChangeCounts) -> list[str]:
    lines = [
        f"{counts.added:,} added, {counts.removed:,} removed, {counts.relabelled:,} relabelled,"
        f" {counts.unchanged:,} unchanged; {counted(counts.records, 'record')} compared"
    ]
    if counts.only_old or counts.only_new:
        lines.append(
            f"  not compared: {counted(counts.only_old, 'record')} that only OLD lists,"
            f" {counts.only_new:,} that only NEW lists"
        )
    return lines


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
