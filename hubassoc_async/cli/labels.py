"""``hubassoc labels``: what a portal's association labels are called, and their definitions.

Knows: how the arguments are spelt, and how labels are shown. Does not know: requests.
"""

import csv
import sys
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from hubassoc_async.cli.asking import ask
from hubassoc_async.cli.connecting import connecting, connection
from hubassoc_async.client import AssociationsClient
from hubassoc_async.protocol.label_types import LabelTypes

_LIST: Final = "list"
_WIDE: Final = 200  # columns where no terminal sets a bound
COLUMNS: Final = (
    "from_object_type",
    "to_object_type",
    "category",
    "type_id",
    "label",
    "inverse_type_id",
    "inverse_label",
)


class LabelRow(msgspec.Struct):
    """One type, in one direction."""

    from_object_type: str
    to_object_type: str
    category: str
    type_id: int | None
    label: str | None
    inverse_type_id: int | None
    inverse_label: str | None


class _Labels(click.Group):
    """A group that lists when it is given two object types instead of a command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands:
            args = [_LIST, *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_Labels, subcommand_metavar="FROM TO | COMMAND …")
def labels() -> None:
    """List association labels, or create, rename and delete them.

    \b
    Examples:
      hubassoc labels contacts companies --format csv
      hubassoc labels create contacts companies "Decision maker"
      hubassoc labels create contacts contacts Manager --inverse-label Report
    """


@labels.command(_LIST, hidden=True)
@click.argument("from_object_type", metavar="FROM")
@click.argument("to_object_type", metavar="TO")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
)
@connecting
@click.pass_context
def list_labels(context: click.Context, /, **arguments: Any) -> None:
    """List the types between two object types, in both directions."""
    options = connection(arguments)
    ends = arguments["from_object_type"], arguments["to_object_type"]

    async def work(client: AssociationsClient) -> None:
        _show(await client.label_types(*ends), arguments["format_name"])

    context.exit(ask(options, work))


@labels.command("create")
@click.argument("from_object_type", metavar="FROM")
@click.argument("to_object_type", metavar="TO")
@click.argument("label")
@click.option("--inverse-label", metavar="LABEL", help="Another name for the other direction.")
@click.option("--name", help="HubSpot's internal name.  [default: made from the label]")
@connecting
@click.pass_context
def create_label(context: click.Context, /, **arguments: Any) -> None:
    """Define a label, unless it is there."""
    options = connection(arguments)
    ends = arguments["from_object_type"], arguments["to_object_type"]

    async def work(client: AssociationsClient) -> None:
        made = await client.labels.create(
            *ends,
            arguments["label"],
            inverse_label=arguments["inverse_label"],
            name=arguments["name"],
        )
        what = "is there already" if made.existed else "created"
        back = "" if made.inverse is None else f", and back {_described(made.inverse.type_id)}"
        click.echo(
            f"{arguments['label']} {what}: {_described(made.association_type.type_id)}{back}"
        )

    context.exit(ask(options, work))


@labels.command("rename")
@click.argument("from_object_type", metavar="FROM")
@click.argument("to_object_type", metavar="TO")
@click.argument("label")
@click.argument("new_label", metavar="NEW")
@click.option("--inverse-label", metavar="LABEL", help="Another name for the other direction.")
@connecting
@click.pass_context
def rename_label(context: click.Context, /, **arguments: Any) -> None:
    """Give a label, named by its name or type id, another name."""
    options = connection(arguments)
    ends = arguments["from_object_type"], arguments["to_object_type"]

    async def work(client: AssociationsClient) -> None:
        await client.labels.rename(
            *ends,
            label_given(arguments["label"]),
            arguments["new_label"],
            inverse_label=arguments["inverse_label"],
        )
        click.echo(f"{arguments['label']} is {arguments['new_label']} now")

    context.exit(ask(options, work))


@labels.command("delete")
@click.argument("from_object_type", metavar="FROM")
@click.argument("to_object_type", metavar="TO")
@click.argument("label")
@connecting
@click.pass_context
def delete_label(context: click.Context, /, **arguments: Any) -> None:
    """Delete a label, named by its name or type id, in both directions."""
    options = connection(arguments)
    ends = arguments["from_object_type"], arguments["to_object_type"]

    async def work(client: AssociationsClient) -> None:
        await client.labels.delete(*ends, label_given(arguments["label"]))
        click.echo(f"{arguments['label']} deleted")

    context.exit(ask(options, work))


def label_given(text: str) -> str | int:
    """A type id where a label could stand."""
    return int(text) if text.isascii() and text.isdigit() else text


def _described(type_id: int | None) -> str:
    return f"USER_DEFINED {type_id}"


def _rows(types: LabelTypes) -> list[LabelRow]:
    rows = []
    for direction in (types, types.turned()):
        ends = direction.from_object_type, direction.to_object_type
        for one in direction.types:
            inverse = direction.inverse(one)
            back = (None, None) if inverse is None else (inverse.type_id, inverse.label)
            rows.append(LabelRow(*ends, one.category, one.type_id, one.label, *back))
        if types.same_type:
            break
    return rows


def _show(types: LabelTypes, format_name: str) -> None:
    rows = _rows(types)
    if format_name == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    cells = [
        ["" if cell is None else str(cell) for cell in msgspec.structs.astuple(r)] for r in rows
    ]
    if format_name == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(cells)
        return
    table = Table("from", "to", "category", "type id", "label", "inverse", box=None, pad_edge=False)
    for from_type, to_type, category, type_id, label, back_id, back in cells:
        inverse = f"{back_id} {back}" if back and back != label else back_id
        table.add_row(from_type, to_type, category, type_id, label or "(default)", inverse)
    width = None if sys.stdout.isatty() else _WIDE
    Console(highlight=False, emoji=False, markup=False, width=width).print(table)
