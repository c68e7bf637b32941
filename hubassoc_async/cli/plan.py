"""``hubassoc plan``: what a read would take, and afterwards how far off that was.

Knows: how the arguments are spelt. Does not know: how it is counted.
"""

from pathlib import Path

import click
import msgspec

from hubassoc_async.cli.display import counted, duration
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.planning import ReadPlan, plan_read
from hubassoc_async.jobs.sources import IdFile
from hubassoc_async.pacing import TIERS, quotas_of
from hubassoc_async.protocol.versions import DEFAULT_VERSION, VERSIONS


class _Took(msgspec.Struct):
    """Of what ``read --summary`` writes."""

    requests: int
    seconds: float


@click.command(short_help="Say what a read would take, and send nothing.")
@click.argument("from_object_type", metavar="FROM")
@click.argument("to_object_type", metavar="TO")
@click.option("--ids", required=True, metavar="FILE|-", help="Where the ids are; - is stdin.")
@click.option("--id-column", metavar="NAME", help="CSV column or NDJSON key of the ids.")
@click.option(
    "--quota",
    default="free",
    show_default=True,
    metavar="N/SECONDS|PLAN",
    help=f"Requests in any so many seconds, or the account's plan: {', '.join(TIERS)}.",
)
@click.option(
    "--api-version", type=click.Choice(list(VERSIONS)), default=DEFAULT_VERSION, show_default=True
)
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
    quota: str,
    api_version: str,
    after: Path | None,
) -> None:
    """Say what a read would take, and send nothing: requests, time, share of the day.

    It is the least: a record with more associations than a page holds takes more requests.
    """
    try:
        quotas = quotas_of(quota)
        file = open(0, "rb", buffering=0, closefd=False) if ids == "-" else Path(ids)  # noqa: SIM115
        source = IdFile(file, column=id_column)
        try:
            batch = VERSIONS[api_version].read_inputs
            planned = plan_read(source, quotas.associations, batch=batch, daily=quotas.daily)
        finally:
            source.close()
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"--ids: cannot read {ids}: {error.strerror}") from error
    repeated = f" ({planned.repeated:,} repeated)" if planned.repeated else ""
    click.echo(f"{from_object_type} → {to_object_type}: {counted(planned.ids, 'id')}{repeated}")
    click.echo(f"  at least {counted(planned.requests, 'request')}")
    click.echo(f"  {duration(planned.seconds)} at {quotas.associations}")
    click.echo(f"  {planned.daily_share:.3%} of a daily quota of {quotas.daily:,} requests")
    if after is not None:
        _say_after(planned, after)


def _say_after(planned: ReadPlan, after: Path) -> None:
    try:
        took = msgspec.json.decode(after.read_bytes(), type=_Took)
    except (msgspec.DecodeError, OSError) as error:
        raise click.UsageError(f"--after: {after} is no summary of a read: {error}") from error
    requests, seconds = planned.off_by(took.requests, took.seconds)
    click.echo(f"  it took {counted(took.requests, 'request')} ({requests:+.1%})")
    click.echo(f"  and {duration(took.seconds)} ({seconds:+.1%})")
