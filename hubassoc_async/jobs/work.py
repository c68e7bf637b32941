"""One run of a job, of whatever kind: how it begins, ends and is told to stop.

Knows: journals, what has failed. Does not know: what is done, terminals, HTTP.
"""

import time
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from hubassoc_async.jobs.dead_letters import DeadLetters
from hubassoc_async.jobs.journal import TOLD, Journal

P_co = TypeVar("P_co", covariant=True)


class Work(ABC, Generic[P_co]):
    """A run that can die at any instant and goes on where its journal is."""

    def __init__(self, journal: Journal, letters: DeadLetters) -> None:
        """Nothing is opened before ``run``. ``letters``: where failures go."""
        self._journal = journal
        self._letters = letters
        self._mark = journal.mark
        self._before = self._mark.items
        self._started = time.monotonic()
        self._seconds: float | None = None
        self.stopping = False
        """Whether ``stop`` was called."""
        self.complete = journal.state == "complete"
        """Whether everything has its outcome, and the output is there under its name."""
        self.output: str | None = None
        """What the output is called, once it is complete; None where there is none."""

    @property
    def journal(self) -> Journal:
        """Where it is noted how far it is."""
        return self._journal

    async def run(self) -> None:
        """Work to the end, or until ``stop`` was called: then ``complete`` is False.

        Raises what stopped it, after every whole chunk that was there has been committed:
        ``DailyQuotaSpent`` and other ``HubAssocError`` from HubSpot, ``SourceError`` from the
        source, ``PlanError`` for a plan that removes too much, ``OSError`` when a file cannot be
        written. The job can be resumed after any.
        """
        if self.complete:
            return
        self._started = time.monotonic()
        try:
            await self._work()
            if not self.stopping:
                await self._finish()
                self._journal.set_state("complete")
                self.complete = True
        except BaseException as error:
            self._journal.note_end(error)
            raise
        finally:
            self._seconds = time.monotonic() - self._started
            self._let_go()
        if not self.complete:
            self._journal.set_state("stopped", reason=TOLD)

    @abstractmethod
    def stop(self, *, grace: float = 3.0) -> None:
        """Take nothing new, and end when what is out has come in, within ``grace`` seconds."""

    @abstractmethod
    def progress(self) -> P_co:
        """How far it is now."""

    @abstractmethod
    async def _work(self) -> None:
        """Do what is left, committing it in chunks, until the end or until told to stop."""

    async def _finish(self) -> None:
        """Put what was made in its place."""
        self._letters.finish()

    def _let_go(self) -> None:
        """Close what is open."""
        self._letters.close()

    def _elapsed(self) -> float:
        """Seconds of this run."""
        return self._seconds or time.monotonic() - self._started
