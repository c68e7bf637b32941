"""``hubassoc plan``: what a read would take, and afterwards how far off that was.

Knows: how the arguments are spelt. Does not know: how it is counted, how a plan is said.
"""

from pathlib import Path

import click
import msgspec

from hubassoc_async.cli.arguments import open_ids
from hubassoc_async.cli.connecting import quota_option, version_option
from hubassoc_async.cli.planned import ids_line, off_line, plan_lines
from hubassoc_async.jobs.planning import ReadPlan, plan_read
from hubassoc_async.jobs.sources import Source, SourceError
from hubassoc_async.pacing import Quotas
from hubassoc_async.protocol.versions import VERSIONS


class _Took(msgspec.Struct):
    """Of what ``read --summary`` writes."""

    requests: int
    seconds: float


@click.command(short_help="Say what a read would take, and send nothing.")
@click.argument("from_object_type", metavar="FROM")
@click.argument("to_object_type", metavar="TO")
@click.option("--ids", required=True, metavar="FILE|-", help="Where the ids are; - is stdin.")
@click.option("--id-column", metavar="NAME", help="CSV column or NDJSON key of the ids.")
@quota_option
@version_option
@click.option(
    "--after",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="SUMMARY",
    help="What `hubassoc read --summary` wrote: say how far off the plan was.",
)
def plan(
    from_object_type: str,
    to_object_type: str,
    ids: str,
    id_column: str | None,
    quota: Quotas,
    api_version: str,
    after: Path | None,
) -> None:
    """Say what a read would take, and send nothing: requests, time, share of the day.

    It is the least: a record with more associations than a page holds takes more requests.
    `hubassoc read … --dry-run` says the same of a read.
    """
    planned = count_ids(open_ids(ids, id_column), quota, api_version)
    click.echo(f"{from_object_type} → {to_object_type}: {ids_line(planned)}")
    for line in plan_lines(planned.requests, planned.seconds, planned.daily_share, quota):
        click.echo(line)
    if after is not None:
        _say_after(planned, after)


def count_ids(source: Source, quotas: Quotas, api_version: str) -> ReadPlan:
    """Plan a read of all ids, and close their file.

    Raises ``click.ClickException`` where it breaks off.
    """
    try:
        return plan_read(source, quotas, batch=VERSIONS[api_version].read_inputs)
    except SourceError as error:
        raise click.ClickException(str(error)) from error
    finally:
        source.close()


def _say_after(planned: ReadPlan, after: Path) -> None:
    try:
        took = msgspec.json.decode(after.read_bytes(), type=_Took)
    except (msgspec.DecodeError, OSError) as error:
        raise click.UsageError(f"--after: {after} is no summary of a read: {error}") from error
    click.echo(off_line(planned, took.requests, took.seconds))
