"""The arguments of a read: whether they fit together, and what they open.

Knows: files, the environment. Does not know: how a read runs.
"""

import io
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

import click
import msgspec
from rich.console import Console

from hubassoc_async.cli.display import ConsoleLines
from hubassoc_async.cli.run import ReadOptions
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.dead_letters import Origin
from hubassoc_async.jobs.files import OpenStream, Target, open_target
from hubassoc_async.jobs.sinks import FORMATS, FailureSink, Sink, format_of, open_sink
from hubassoc_async.jobs.sources import IdFile, SourceError
from hubassoc_async.pacing import Quota
from hubassoc_async.protocol.versions import DEFAULT_VERSION

TOKEN_VARIABLE: Final = "HUBSPOT_ACCESS_TOKEN"  # noqa: S105  # the name of a variable
BASE_URL: Final = "https://api.hubapi.com"
STREAM: Final = "-"
"""Standard input or output, where a file could be named."""


class Arguments(msgspec.Struct, kw_only=True):
    """The arguments of ``read`` as they are spelt. A ``-`` is standard input or output."""

    from_object_type: str
    to_object_type: str
    ids: str
    id_column: str | None = None
    output: str
    format_name: str | None = None
    failures: Path | None = None
    unread: Path | None = None
    summary: Path | None = None
    token_file: str | None = None
    api_version: str = DEFAULT_VERSION
    base_url: str = BASE_URL
    quota: Quota = msgspec.field(default_factory=Quota)
    concurrency: int = 16
    verbose: bool = False
    quiet: bool = False


def open_read(arguments: Arguments, console: Console) -> ReadOptions:
    """Check the arguments against each other and open what they name.

    Failures that have no file are lines on the console.

    Raises ``click.UsageError`` when they cannot be right: nothing was asked and no file written.
    """
    output = None if arguments.output == STREAM else Path(arguments.output)
    failures = arguments.failures or beside(output, ".failures.ndjson")
    unread = arguments.unread or beside(output, ".unread.txt")
    _check_files(arguments, output, failures, unread)
    token = read_token(arguments.token_file)
    try:
        source = _source(arguments.ids, arguments.id_column)
    except SourceError as error:
        raise click.UsageError(str(error)) from error
    try:
        sink = _sink(arguments, output)
    except BaseException as error:
        source.close()
        if isinstance(error, UsageError):
            raise click.UsageError(str(error)) from error
        raise
    lines = OpenStream(io.BufferedWriter(ConsoleLines(console))) if failures is None else None
    origin = Origin(
        operation="read",
        from_object_type=arguments.from_object_type,
        to_object_type=arguments.to_object_type,
        api_version=arguments.api_version,
    )
    return ReadOptions(
        from_object_type=arguments.from_object_type,
        to_object_type=arguments.to_object_type,
        source=source,
        sink=sink,
        failures=FailureSink(failures, origin.letter, stream=lines),
        unread=unread,
        summary=arguments.summary,
        token=token,
        api_version=arguments.api_version,
        base_url=arguments.base_url,
        quota=arguments.quota,
        concurrency=arguments.concurrency,
        verbose=arguments.verbose,
        quiet=arguments.quiet,
        bar=output is not None or not sys.stdout.isatty(),
    )


def beside(output: Path | None, ending: str) -> Path | None:
    """A file beside the output, with its name and an ending."""
    return None if output is None else output.with_name(output.name + ending)


def _check_files(
    arguments: Arguments, output: Path | None, failures: Path | None, unread: Path | None
) -> None:
    """Refuse two streams or two files in one place."""
    if arguments.ids == STREAM and arguments.token_file == STREAM:
        raise click.UsageError("stdin can give the ids or the token, not both")
    written = {"--output": output, "--failures": failures, "--unread": unread}
    written["--summary"] = arguments.summary
    seen: dict[Path, str] = {}
    for option, path in written.items():
        if path is None:
            continue
        real = Path(os.path.realpath(path))
        if not real.parent.is_dir():
            raise click.UsageError(f"{option}: there is no directory {real.parent}")
        if real in seen and not _special(real):
            raise click.UsageError(f"{seen[real]} and {option} are the same file: {path}")
        seen[real] = option
    ids = Path(os.path.realpath(arguments.ids))
    if arguments.ids != STREAM and ids in seen and seen[ids] != "--unread":
        raise click.UsageError(f"--ids and {seen[ids]} are the same file: {arguments.ids}")


def _special(path: Path) -> bool:
    return path.exists() and not path.is_file()


def read_token(token_file: str | None) -> str:
    """The token, from the file or the environment. It is in no message."""
    if token_file is None:
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        if not token:
            raise click.UsageError(f"no token: set {TOKEN_VARIABLE} or give --token-file FILE")
        return token
    where = "stdin" if token_file == STREAM else token_file
    try:
        text = sys.stdin.read() if token_file == STREAM else Path(token_file).read_text("utf-8-sig")
    except OSError as error:
        _cannot("read", "--token-file", token_file, error)
    except UnicodeDecodeError:
        raise click.UsageError(f"--token-file: there is no token in {where}") from None
    token = text.strip()
    if not token or any(map(str.isspace, token)):
        raise click.UsageError(f"--token-file: {where} must hold one token and nothing else")
    return token


def _source(ids: str, column: str | None) -> IdFile:
    if ids == STREAM:
        return IdFile(open(0, "rb", buffering=0, closefd=False), column=column)
    try:
        return IdFile(Path(ids), column=column)
    except OSError as error:
        _cannot("read", "--ids", ids, error)


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
