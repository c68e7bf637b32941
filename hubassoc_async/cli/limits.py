"""``hubassoc limits``: how many records one record may be associated with.

Knows: how the arguments are spelt. Does not know: requests.
"""

from collections.abc import Iterable
from typing import Any

import click

from hubassoc_async.cli.asking import ask
from hubassoc_async.cli.connecting import connecting, connection
from hubassoc_async.cli.labels import label_given
from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import UsageError
from hubassoc_async.model import AssociationLimit


@click.group()
def limits() -> None:
    """List, create, update and purge association limits.

    \b
    Examples:
      hubassoc limits list
      hubassoc limits create contacts companies primary 1
      hubassoc limits purge contacts companies primary "Decision maker"
    """


@limits.command("list")
@click.argument("from_object_type", metavar="[FROM", required=False)
@click.argument("to_object_type", metavar="TO]", required=False)
@connecting
@click.pass_context
def list_limits(context: click.Context, /, **arguments: Any) -> None:
    """List the limits between two object types, or all."""
    options = connection(arguments)

    async def work(client: AssociationsClient) -> None:
        ends = arguments["from_object_type"], arguments["to_object_type"]
        _show(await client.limits.list(*ends))

    context.exit(ask(options, work))


def _changing(name: str) -> click.Command:
    @limits.command(name, help=f"{name.capitalize()} the limit of one type of association.")
    @click.argument("from_object_type", metavar="FROM")
    @click.argument("to_object_type", metavar="TO")
    @click.argument("type_given", metavar="LABEL|TYPE_ID")
    @click.argument("most", metavar="MOST", type=click.IntRange(min=1))
    @connecting
    @click.pass_context
    def change(context: click.Context, /, **arguments: Any) -> None:
        """Parse, ask, exit."""
        options = connection(arguments)

        async def work(client: AssociationsClient) -> None:
            ends = arguments["from_object_type"], arguments["to_object_type"]
            one = await _limit(client, *ends, arguments["type_given"], arguments["most"])
            call = client.limits.create if name == "create" else client.limits.update
            _show(await call(*ends, [one]))

        context.exit(ask(options, work))

    return change


create_limit, update_limit = map(_changing, ("create", "update"))


@limits.command("purge")
@click.argument("from_object_type", metavar="FROM")
@click.argument("to_object_type", metavar="TO")
@click.argument("types_given", metavar="LABEL|TYPE_ID…", nargs=-1, required=True)
@connecting
@click.pass_context
def purge_limits(context: click.Context, /, **arguments: Any) -> None:
    """Remove the limits of some types of association."""
    options = connection(arguments)

    async def work(client: AssociationsClient) -> None:
        ends = arguments["from_object_type"], arguments["to_object_type"]
        given = [await _limit(client, *ends, one) for one in arguments["types_given"]]
        await client.limits.purge(*ends, given)
        click.echo(f"{len(given)} purged")

    context.exit(ask(options, work))


async def _limit(
    client: AssociationsClient, from_type: str, to_type: str, given: str, most: int | None = None
) -> AssociationLimit:
    """Find the type that is meant, by its name or id."""
    found = (await client.label_types(from_type, to_type)).resolve(label_given(given))
    if found.type_id is None:
        raise UsageError(f"{given} has no type id")
    return AssociationLimit(found.category, found.type_id, most)


def _show(found: Iterable[AssociationLimit]) -> None:
    for one in found:
        label = "" if one.label is None else f"\t{one.label}"
        click.echo(f"{one.category}\t{one.type_id}\t{one.max_to_object_ids}{label}")
