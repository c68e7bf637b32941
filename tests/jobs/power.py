"""A disk that loses its power: of what was written, it keeps what was made durable.

An instant is before or after something is made durable: a file or a directory, by ``os.fsync``, or
a job's journal, of which SQLite takes care. At one of them everything stops, and the folder
becomes what a disk may have then.

Knows: files. Does not know: jobs.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from unittest.mock import patch

from hubassoc_async.jobs.journal import Journal

Luck: TypeAlias = Literal["nothing", "names", "names within", "contents"]
LUCK: Final[tuple[Luck, ...]] = ("nothing", "names", "names within", "contents")
"""What is kept without having been made durable: contents of files, or which names there are (and
are not any more) in all folders or in those within the folder. A name may so have no contents."""
Inode: TypeAlias = int
"""What a file or folder is, whatever its name."""


_OF_THE_JOURNAL: Final = (Journal.commit, Journal.set_state)


class PowerLost(BaseException):
    """Nothing happens any more, and nobody can help it."""


class Entry(NamedTuple):
    """What a name in a folder stands for."""

    inode: Inode
    is_folder: bool


class Disk:
    """One folder, and what of it is durable: all that is there at first."""

    def __init__(self, folder: Path, store: Path, at: int | None = None) -> None:
        """``store``: another folder. ``at``: the number of the instant to stop at; None: never."""
        self.instants = 0
        """That have passed."""
        self._folder, self._store, self._at = folder, store, at
        self._contents: dict[Inode, bytes] = {}
        self._names: dict[Inode, dict[str, Entry]] = {}
        self._held: list[int] = []  # else an inode may become another file's
        for path in _all(folder):
            self._note(path)

    @contextmanager
    def powered(self) -> Iterator[None]:
        """Be there until the power is lost."""
        fsync = os.fsync

        def note(file: int) -> None:
            fsync(file)
            self._held.append(os.dup(file))
            inode = os.fstat(file).st_ino
            for path in _all(self._folder):  # a file may be open for writing only
                if path.stat().st_ino == inode:
                    self._note(path)

        makers = ((os, "fsync", note), *((Journal, f.__name__, f) for f in _OF_THE_JOURNAL))
        patches = [patch.object(own, name, self._watched(make)) for own, name, make in makers]
        for one in patches:
            one.start()
        try:
            yield
        except PowerLost:
            assert self.instants == self._at, "it is not this one's power"
        finally:
            for one in patches:
                one.stop()
            for file in self._held:
                os.close(file)

    def come_back(self, luck: Luck) -> None:
        """Make of the folder what it may be once there is power again."""
        before = self._folder.rename(self._store / "before")
        root = before.stat().st_ino
        if luck == "names within":  # what was removed has none
            self._names = {root: self._names[root]}
        for path in _all(before):
            if luck in _kept(path, within=path != before):
                self._note(path)
        self._restore(self._folder, root)

    def _watched(self, make: Callable[..., Any]) -> Callable[..., Any]:
        """Make something durable between two instants."""

        def made(*args: Any, **kwargs: Any) -> Any:
            self._pass()
            result = make(*args, **kwargs)
            self._pass()
            return result

        return made

    def _pass(self) -> None:
        if self.instants == self._at:  # from then on, whoever tries
            raise PowerLost
        self.instants += 1

    def _note(self, path: Path) -> None:
        """Note that a file or folder is durable as it is."""
        inode = path.stat().st_ino
        if not path.is_dir():
            self._contents[inode] = path.read_bytes()
            return
        with os.scandir(path) as found:
            names = {one.name: Entry(one.inode(), one.is_dir()) for one in found}
        self._names[inode] = names
        for name, entry in names.items():
            kept = self._store / str(entry.inode)
            if not entry.is_folder and not kept.exists():
                os.link(path / name, kept)

    def _restore(self, folder: Path, inode: Inode) -> None:
        folder.mkdir()
        for name, entry in self._names.get(inode, {}).items():
            path = folder / name
            if entry.is_folder:
                self._restore(path, entry.inode)
            else:
                os.link(self._store / str(entry.inode), path)
                path.write_bytes(self._contents.get(entry.inode, b""))


def _kept(path: Path, *, within: bool) -> tuple[Luck, ...]:
    """With what luck a file or folder is as it was at last."""
    if not path.is_dir():
        return ("contents",)
    return ("names", "names within") if within else ("names",)


def _all(folder: Path) -> list[Path]:
    """A folder and everything in it."""
    return [folder, *folder.rglob("*")]
