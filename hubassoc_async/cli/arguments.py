"""The arguments of a read: whether they fit together, and what they open.

Knows: files. Does not know: tokens, quotas, how a read runs.
"""

import io
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import click
import msgspec
from rich.console import Console

from hubassoc_async.cli.connecting import STREAM, Connection
from hubassoc_async.cli.display import ConsoleLines
from hubassoc_async.cli.run import ReadOptions
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs import sources
from hubassoc_async.jobs.database_urls import file_of
from hubassoc_async.jobs.dead_letters import DeadLetter, Origin, check_failures
from hubassoc_async.jobs.files import (
    OpenStream,
    Target,
    has_folder,
    is_descriptor,
    open_target,
)
from hubassoc_async.jobs.pairs import PairSource, open_pairs
from hubassoc_async.jobs.remains import UNREAD, UNWRITTEN
from hubassoc_async.jobs.sinks import FORMATS, FailureSink, Sink, format_of, open_sink
from hubassoc_async.jobs.sources import Source, SourceError
from hubassoc_async.model import Failure

_LISTS: Final[dict[str, Callable[[Path], None]]] = {
    "--failures": check_failures,
    "--unread": UNREAD.check,
    "--unwritten": UNWRITTEN.check,
}
"""What may only take the place of its like, for it is removed where there is nothing to list."""
_REMAINS: Final = ("--unread", "--unwritten")
_FAILURES: Final = ".failures.ndjson"


class Arguments(msgspec.Struct, kw_only=True):
    """The arguments of ``read`` alone, as they are spelt. A ``-`` is standard input or output."""

    from_object_type: str
    to_object_type: str
    ids: str
    id_column: str | None = None
    output: str
    format_name: str | None = None
    failures: Path | None = None
    unread: Path | None = None
    summary: Path | None = None


def open_read(
    arguments: Arguments, connection: Connection, console: Console, *, source: Source | None = None
) -> ReadOptions:
    """Check the arguments against each other and open what they name.

    Failures that have no file are lines on the console. ``source``: what ``ids`` names, opened.

    Raises ``click.UsageError`` when they cannot be right: nothing was asked and no file written.
    """
    output = None if arguments.output == STREAM else Path(arguments.output)
    failures = arguments.failures or beside(output, _FAILURES)
    unread = arguments.unread or beside(output, ".unread.txt")
    written = {"--output": output, "--failures": failures, "--unread": unread}
    check_files(written | {"--summary": arguments.summary}, "--ids", arguments.ids)
    source = source or open_ids(arguments.ids, arguments.id_column)
    try:
        sink = _sink(arguments, output)
    except BaseException as error:
        source.close()
        if isinstance(error, UsageError):
            raise click.UsageError(str(error)) from error
        raise
    origin = Origin(
        operation="read",
        from_object_type=arguments.from_object_type,
        to_object_type=arguments.to_object_type,
        api_version=connection.api_version,
    )
    return ReadOptions(
        **msgspec.structs.asdict(connection),
        from_object_type=arguments.from_object_type,
        to_object_type=arguments.to_object_type,
        source=source,
        sink=sink,
        failures=failure_sink(failures, origin.letter, console),
        unread=unread,
        summary=arguments.summary,
        bar=output is not None or not sys.stdout.isatty(),
    )


def beside(file: Path | None, ending: str) -> Path | None:
    """A file beside another, with its name and an ending; None where there is no place for it."""
    if file is None or not has_folder(file):
        return None
    return file.with_name(file.name + ending)


def failure_sink(
    path: Path | None, line: Callable[[Failure], DeadLetter], console: Console
) -> FailureSink:
    """Where failures go: without a file they are lines on the console."""
    lines = OpenStream(io.BufferedWriter(ConsoleLines(console))) if path is None else None
    return FailureSink(path, line, stream=lines)


def check_files(written: Mapping[str, Path | None], option: str, read: str | Path) -> None:
    """Refuse to write two things, or what is read by ``option``, in one place.

    But what remains of a list may take its place. ``written``: by the option that says where.

    Raises ``click.UsageError``, for what cannot be written as well.
    """
    seen: dict[Path, str] = {}
    for name, path in written.items():
        if path is None:
            continue
        real = _checked(name, path)
        if real in seen and not _special(real):
            raise click.UsageError(f"{seen[real]} and {name} are the same file: {path}")
        seen[real] = name
    try:
        place = file_of(str(read))
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    for real, name in seen.items() if place and not _special(place) else ():
        if place and place.is_relative_to(real) and name not in _REMAINS:
            raise click.UsageError(f"{option} and {name} are the same file: {read}")
    for real, name in seen.items():
        if name in _LISTS and real != place and not _special(real):
            _check_list(name, written[name] or real)


def _checked(name: str, path: Path) -> Path:
    """Where a file will be, through links, if one can be made there."""
    check_no_url(name, path)
    real = Path(os.path.realpath(path))
    if not real.parent.is_dir():
        raise click.UsageError(f"{name}: there is no directory {real.parent}")
    if not _special(path) and not os.access(real.parent, os.W_OK):
        raise click.UsageError(
            f"{name}: no files can be made in {real.parent}, which is not yours to write to:"
            f" give {name} a file elsewhere"
        )
    return real


def _check_list(name: str, path: Path) -> None:
    """Refuse to replace, or remove where there is nothing to list, what is no such list."""
    try:
        _LISTS[name](path)
    except UsageError as error:
        raise click.UsageError(f"{name}: {error}") from None


def check_no_url(name: str, path: Path) -> None:
    """Refuse a URL where a file is named, without what may be its password.

    Raises ``click.UsageError``.
    """
    scheme = path.parts[0] if len(path.parts) > 1 else ""
    if scheme.endswith(":") and not Path(scheme).is_dir():
        raise click.UsageError(f"{name}: {scheme}//… is no file")


def job_files(
    arguments: Mapping[str, Any], how: Mapping[str, Any], place: str
) -> dict[str, Path | None]:
    """What a job writes beside its output, by option. ``place``: beside what failures are."""
    beside_it = (
        None
        if place == STREAM or "://" in place or not has_folder(Path(place))
        else beside(Path(os.path.realpath(place)), _FAILURES)
    )
    return {
        "--failures": arguments["failures"] or beside_it,
        "--summary": arguments["summary"],
        "--report": how["report"],
    }


def _special(path: Path) -> bool:
    return is_descriptor(path) or (path.exists() and not path.is_file() and not path.is_dir())


def open_ids(ids: str, column: str | None) -> Source:
    """Open what ``--ids`` names, or stdin. Raises ``click.UsageError``."""
    try:
        return sources.open_ids(ids, column=column)
    except SourceError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        _cannot("read", "--ids", ids, error)


def open_links(links: str, *, option: str, typed: bool) -> PairSource:
    """Open what an option names, or stdin. Raises ``click.UsageError``."""
    try:
        return open_pairs(links, typed=typed)
    except SourceError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        _cannot("read", option, links, error)


def _sink(arguments: Arguments, output: Path | None) -> Sink:
    inferred, packed = (None, False) if output is None else format_of(output)
    name = arguments.format_name or inferred or ("ndjson" if output is None else None)
    if name is None:
        raise click.UsageError(
            f"the ending of {arguments.output} says no format: give --format {'|'.join(FORMATS)}"
        )
    target: Target
    if output is None:
        target = OpenStream(open(1, "wb", closefd=False))  # noqa: SIM115
    else:
        try:
            target = open_target(output)
        except OSError as error:
            _cannot("write", "--output", arguments.output, error)
    try:
        return open_sink(
            target, arguments.from_object_type, arguments.to_object_type, name, packed=packed
        )
    except BaseException:
        target.abort()
        raise


def _cannot(verb: str, option: str, name: str, error: OSError) -> NoReturn:
    raise click.UsageError(f"{option}: cannot {verb} {name}: {error.strerror}") from error
