"""``hubassoc emulator``: a HubSpot portal on this machine, to test against and to break.

Knows: options. Does not know: what a portal does with them.
"""

from pathlib import Path
from typing import Any

import click

from hubassoc_async.emulator.faults import KINDS
from hubassoc_async.emulator.launch import Launch, run
from hubassoc_async.emulator.settings import TIERS, Unknowns

SIZES = (
    "contacts",
    "companies",
    "deals",
    "tickets",
    "associations",
    "lonely",
    "heavy",
    "heavy_size",
)
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("emulator", short_help="Serve a HubSpot portal to test against.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=8080, show_default=True, help="0 takes a free one.")
@click.option("--seed", type=int, default=0, help="The same seed makes the same portal.")
@click.option("--contacts", type=click.IntRange(0), default=1000, show_default=True)
@click.option("--companies", type=click.IntRange(0), default=200, show_default=True)
@click.option("--deals", type=click.IntRange(0), default=0, show_default=True)
@click.option("--tickets", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--associations", type=float, default=2.0, show_default=True, help="Companies a contact."
)
@click.option("--lonely", type=click.FloatRange(0, 1), default=0.1, help="Share without a company.")
@click.option("--heavy", type=click.FloatRange(0, 1), default=0.0, help="Share with very many.")
@click.option("--heavy-size", type=click.IntRange(1), default=2000, help="How many those have.")
@click.option("--load", type=FILE, help="Contents from FILE (.sqlite or .ndjson) instead.")
@click.option("--save", type=FILE, help="Write the contents to FILE at the end.")
@click.option("--tier", type=click.Choice(list(TIERS)), default="unlimited", help="Limits by plan.")
@click.option("--limit", metavar="N/SECONDS", help="Another rate limit than the tier's.")
@click.option("--daily", type=click.IntRange(0), help="Another daily quota than the tier's.")
@click.option("--latency", default="none", metavar="none|hubspot|MS-MS", help="Time to answer.")
@click.option("--time-zone", default="UTC", help="In which the daily quota's day ends.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND=PROBABILITY",
    help=f"Spoil answers by chance. Kinds: {', '.join(sorted(KINDS - {'response'}))}.",
)
@click.option(
    "--unknown",
    "unknowns",
    multiple=True,
    metavar="NAME=VALUE",
    help=f"Decide what nobody knows. Names: {', '.join(Unknowns.__struct_fields__)}.",
)
@click.option(
    "--token",
    "tokens",
    multiple=True,
    help="A made-up token to be taken; without any, every token is. Never use a real one.",
)
def emulator_command(**options: Any) -> None:
    """Serve a HubSpot portal on this machine until interrupted.

    Point a client's base URL at it and give it any token. The page at / shows what happens;
    /__emulator/ takes orders while it runs.
    """
    sizes = {name: options.pop(name) for name in SIZES}
    try:
        run(Launch(sizes=sizes, **options), _ready)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _ready(url: str) -> None:
    click.echo(url)
    click.echo(f"status page: {url}/   end with Ctrl-C", err=True)
