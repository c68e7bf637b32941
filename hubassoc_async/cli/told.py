"""What a job was told when it began, kept as it was spelt, so that ``resume`` need not be told.

Only what stood on the command line is kept: what comes from the environment is asked of it again,
so no secret is in a journal.

Knows: how click parses. Does not know: which options there are.
"""

from pathlib import Path
from typing import Any, Final, cast

import click

from hubassoc_async.cli.connecting import STREAM, F
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.files import is_descriptor
from hubassoc_async.jobs.job_sinks import public_name
from hubassoc_async.jobs.journal import find_job

_TOLD: Final = "hubassoc told"
_PATHS: Final = ("failures", "token_file", "daily_count")
_PLACES: Final = ("ids", "to", "links")
_NOT_KEPT: Final = ("job", "summary", "report", "verbose", "quiet")

report_option: Final = click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page with plots about the job, one HTML file.",
)


def ending(command: F) -> F:
    """Give a command the options of how its job ends."""
    wait = click.option(
        "--wait", is_flag=True, help="When the day's quota is spent, sleep till it is new."
    )
    return wait(report_option(command))


def ending_of(arguments: dict[str, Any]) -> dict[str, Any]:
    """Take these out of a command's arguments."""
    return {name: arguments.pop(name) for name in ("wait", "report")}


class Telling(click.Command):
    """A command that begins a job: ``told`` gives what stood on its command line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember what is given, before it is converted."""
        ctx.meta[_TOLD] = self._given(ctx, args)
        return super().parse_args(ctx, args)

    def _given(self, ctx: click.Context, args: list[str]) -> dict[str, Any]:
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        return {name: value for name, value in given.items() if isinstance(value, str | bool)}


class Resuming(Telling):
    """A command that goes on with a job: what it is not told, the job was told when it began."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let what the job named by ``job`` was told stand in for defaults."""
        name = cast("str | None", self._given(ctx, args).get("job"))
        if name is not None and not ctx.resilient_parsing and not _asks_help(args):
            try:
                info = find_job(name)
            except UsageError as error:
                raise click.UsageError(str(error), ctx) from error
            spec = {"api_version": info.spec.api_version, "base_url": info.spec.base_url}
            ctx.default_map = {**_connection(self, info.arguments), **spec}
        return super().parse_args(ctx, args)


def told(context: click.Context) -> dict[str, Any]:
    """What stood on the command line, fit for a journal: paths absolute, no password."""
    kept = {name: value for name, value in context.meta[_TOLD].items() if name not in _NOT_KEPT}
    failures = kept.get("failures", "")
    if failures == STREAM or is_descriptor(Path(failures)):
        raise click.UsageError(
            f"--failures: {failures} is no file that a job could go back in: name one, or leave it"
            " out"
        )
    for name in (*_PATHS, *_PLACES):
        if kept.get(name, STREAM) != STREAM:
            kept[name] = public_name(kept[name])
    return kept


def _connection(command: click.Command, arguments: dict[str, Any]) -> dict[str, Any]:
    """Those options that the command has too, but for what is given to it alone."""
    options = {one.name for one in command.params if isinstance(one, click.Option)}
    return {name: arguments[name] for name in arguments if name in options - {"ids"}}


def _asks_help(args: list[str]) -> bool:
    return "--help" in args or "-h" in args
