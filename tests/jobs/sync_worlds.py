"""Portals for tests of syncs, crashes on purpose, and what a sync ought to leave."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeAlias
from unittest.mock import patch

from hubassoc_async import AssociationsClient, RetryPolicy
from hubassoc_async.emulator import MemoryTransport, Portal
from hubassoc_async.errors import TransportError
from hubassoc_async.jobs.dead_letters import DeadLetters
from hubassoc_async.jobs.journal import JobSpec, Journal
from hubassoc_async.jobs.plan_file import Plan
from hubassoc_async.jobs.sync_apply import ApplyJob, ApplyProgress
from hubassoc_async.protocol.message import Request, Response

ENDS = "contacts", "companies"
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where hundreds of jobs are durable in no time."""
PRIMARY, PLAIN, BILLING, MAKER = 1, 279, 931, "Decision maker"
State: TypeAlias = dict[tuple[int, int], frozenset[int]]


class Crash(Exception):
    """The process died here."""


class Fate:
    """Counts what happens, and lets the process die at one of these instants."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.happened = 0
        self.dead = False

    def step(self) -> None:
        """Something happens: from the death on, nothing does."""
        self.happened += 1
        self.dead = self.dead or self.happened - 1 == self.at
        if self.dead:
            raise Crash

    @contextmanager
    def ruling(self) -> Iterator[None]:
        """Die before or after a write to any file of the job, too."""

        def mortal(method: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                self.step()
                result = method(*args, **kwargs)
                self.step()
                return result

            return call

        owners: list[tuple[type, str]] = [
            *((Journal, name) for name in ("commit", "set_state")),
            (Plan, "add"),
            (DeadLetters, "write"),
        ]
        patches = [patch.object(own, name, mortal(getattr(own, name))) for own, name in owners]
        for one in patches:
            one.start()
        try:
            yield
        finally:
            for one in patches:
                one.stop()


class Mortal(MemoryTransport):
    """A network that loses requests and answers, and a process that can die around each."""

    def __init__(self, portal: Portal, fate: Fate, *, seed: int = 0, losses: int = 0) -> None:
        super().__init__(portal, latency=0.1)
        self._fate = fate
        self._chance = Random(seed)
        self._losses = losses

    async def send(self, request: Request) -> Response:
        self._fate.step()
        self._maybe_lose()
        response = await super().send(request)
        self._fate.step()
        self._maybe_lose()
        return response

    def _maybe_lose(self) -> None:
        if self._losses and self._chance.random() < 0.3:
            self._losses -= 1
            raise TransportError("lost")


def client_of(portal: Portal, fate: Fate | None = None, **settings: Any) -> AssociationsClient:
    """A client of a portal in memory that is stubborn enough for all that gets lost."""
    transport = Mortal(portal, fate or Fate(), **settings)
    return AssociationsClient(transport=transport, retry=RetryPolicy(base=0.01, cap=0.05))


def spec(plan: Plan) -> JobSpec:
    """The job that applies a plan."""
    return JobSpec(
        kind="sync",
        from_object_type=ENDS[0],
        to_object_type=ENDS[1],
        api_version="2026-03",
        base_url="",
        source="a plan",
        fingerprint=plan.info.key,
        target="",
    )


async def apply(
    client: AssociationsClient,
    plan: Plan,
    folder: Path,
    name: str = "job",
    **settings: Any,
) -> ApplyProgress:
    """Apply a plan as a job, begun or resumed, and return how far it got at its end."""
    if (folder / f"{name}.sqlite").exists():
        journal = Journal.open(name, directory=folder, expect=spec(plan))
    else:
        journal = Journal.create(name, spec(plan), directory=folder)
    try:
        job = ApplyJob(
            client,
            journal,
            plan,
            undo=folder / f"{name}.undo",
            failures=folder / f"{name}.failures.ndjson",
            stale=folder / f"{name}.stale.ndjson",
            **settings,
        )
        await job.run()
        return job.progress()
    finally:
        journal.close()


def rules_hold(
    before: State, after: State, wanted: dict[tuple[int, int], set[int]], scope: set[int]
) -> None:
    """Assert that what is in scope is as wanted, and what is not as it was.

    ``wanted``: labels of each pair by type id; ``{0}``: any.
    """
    assert {p: t for p, t in after.items() if p[0] not in scope} == {
        p: t for p, t in before.items() if p[0] not in scope
    }
    inside = {pair: set(types) - {PLAIN} for pair, types in after.items() if pair[0] in scope}
    assert inside.keys() == wanted.keys()
    for pair, labels in wanted.items():
        if labels == {0}:
            kept = set(before.get(pair, frozenset())) - {PLAIN}
            assert inside[pair] in (kept, kept - {PRIMARY}), pair
        else:
            assert inside[pair] == labels, pair
