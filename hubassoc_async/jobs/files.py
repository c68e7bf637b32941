"""Files that appear under their name only when they are whole.

What is written goes to a hidden file in the same directory, is made durable, and takes the name in
one step; a process that dies, however it dies, leaves nothing that looks like a result.

Knows: files. Does not know: what is in them.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from itertools import chain, count
from pathlib import Path
from typing import IO, Final, Protocol

from hubassoc_async.errors import UsageError

_BUFFER: Final = 1 << 16
_SUFFIXES: Final = (".gz", ".ndjson", ".jsonl", ".csv", ".tsv", ".parquet")


class Target(Protocol):
    """Where the bytes of a sink go."""

    file: IO[bytes]

    @property
    def blocks(self) -> bool:
        """Whether a write can take as long as somebody at the other end likes."""

    def commit(self, *, complete: bool = True) -> Path | None:
        """Finish, and return the file that is there now, if it is a file."""

    def abort(self) -> None:
        """Leave nothing behind. After a commit, do nothing."""


class NewFile:
    """A regular file being written, hidden until ``commit`` gives it its name."""

    blocks = False

    def __init__(self, path: Path, *, buffering: int = _BUFFER) -> None:
        """Raises ``OSError`` when the directory is not there or cannot be written to."""
        self._path = path
        # through a link, not in its place
        self._target = Path(os.path.realpath(path)) if path.is_symlink() else path
        self.part = self._target.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        """Where it is until then."""
        self.file: IO[bytes] = self.part.open("xb", buffering=buffering)

    def commit(self, *, complete: bool = True) -> Path:
        """Make the file durable, name it and return its path: a partial one if not complete."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        path = self._path
        if complete:
            self.part.replace(self._target)
        else:
            path = free_partial(self._target)  # there: a link can lead to another disk
            self.part.rename(path)
        sync_directory(self._target.parent)
        return path

    def abort(self) -> None:
        """Leave nothing behind. After a commit, do nothing."""
        with contextlib.suppress(OSError):  # a full disk can fail to close too
            self.file.close()
        self.part.unlink(missing_ok=True)


class OpenStream:
    """Something written to as it stands: standard output, a pipe, ``/dev/null``."""

    blocks = True

    def __init__(self, file: IO[bytes], *, owned: bool = False) -> None:
        """``owned``: to be closed at the end."""
        self.file = file
        self._owned = owned

    def commit(self, *, complete: bool = True) -> None:
        """Give out what is held back."""
        self.file.flush()
        self.abort()

    def abort(self) -> None:
        """Let go of it: what is out is out."""
        if self._owned:
            with contextlib.suppress(OSError):
                self.file.close()


def open_target(path: Path, *, buffering: int = _BUFFER) -> Target:
    """A new file, or what stands at the path if that is no regular file.

    To put a file in the place of a pipe or a device would break it, and ``/dev/stderr`` stays what
    it is though it may lead to a file.
    """
    if path.exists() and (not path.is_file() or is_descriptor(path)):
        return OpenStream(path.open("wb", buffering=buffering), owned=True)
    return NewFile(path, buffering=buffering)


@contextlib.contextmanager
def naming(path: Path | None) -> Iterator[None]:
    """Let an error of a file say which it is: one of a write does not."""
    try:
        yield
    except OSError as error:
        if error.filename is None and path is not None:
            error.filename = str(path)
        raise


def forget_list(path: Path, check: Callable[[Path], None]) -> None:
    """Remove what an earlier command listed, through a link, if that is what is there.

    ``check``: raises ``UsageError`` where it is not.
    """
    if not path.is_file() or is_descriptor(path):
        return
    with contextlib.suppress(UsageError):
        check(path)
        Path(os.path.realpath(path)).unlink()


def free_partial(path: Path) -> Path:
    """The name for what was read when a read stops: ``x.csv.gz`` gives ``x.partial.csv.gz``.

    ``x.partial-2.csv.gz`` when that is there: another stopped read's work is never overwritten.
    """
    stem, suffixes = path.name, ""
    while (end := Path(stem).suffix).lower() in _SUFFIXES and stem != end:
        stem, suffixes = stem.removesuffix(end), end + suffixes
    names = chain((f"{stem}.partial",), (f"{stem}.partial-{n}" for n in count(2)))
    free = (at for name in names if not (at := path.with_name(name + suffixes)).exists())
    return next(free)


def is_descriptor(path: Path) -> bool:
    """Whether a path is another name for something that this process has open."""
    return str(path.absolute()).startswith(("/dev/std", "/dev/fd/", "/proc/"))


def has_folder(path: Path) -> bool:
    """Whether files can be put beside it: not so of a descriptor, as ``<(…)`` is, or a device."""
    return not (is_descriptor(path) or path.is_char_device())


def make_directory(path: Path) -> None:
    """Make a directory, and those that it is in, durably, as far as they are not there."""
    missing = [one for one in (path, *path.parents) if not one.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for one in missing:
        sync_directory(one.parent)


def sync_directory(path: Path) -> None:
    """Make durable which files a directory has."""
    try:
        directory = os.open(path, os.O_RDONLY)
    except OSError:  # Windows cannot open one, and does not need to
        return
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
