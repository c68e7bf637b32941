"""From words to a running portal: what the command line and ``python -m`` have in common.

Knows: how options become a portal. Does not know: how options are spelt.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from hubassoc_async.emulator.build import build_portal
from hubassoc_async.emulator.persist import load, save
from hubassoc_async.emulator.portal import Portal
from hubassoc_async.emulator.server import PortalServer
from hubassoc_async.emulator.settings import TIERS, Limits, Unknowns

LOG_LIMIT = 1_000
"""Requests that a served portal remembers, without their bodies."""


class Launch(Struct, kw_only=True):
    """What a portal is to be, and where."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    seed: int = 0
    sizes: dict[str, Any] = {}
    """Arguments of ``build_portal``: contacts, companies and so on."""
    load: Path | None = None
    save: Path | None = None
    """Where the contents go when the server ends."""
    tier: str = "unlimited"
    limit: str | None = None
    """``N/SECONDS`` in place of the tier's associations limit."""
    daily: int | None = None
    latency: str = "none"
    faults: tuple[str, ...] = ()
    """Each ``KIND=PROBABILITY``."""
    unknowns: tuple[str, ...] = ()
    """Each ``NAME=VALUE``."""
    tokens: tuple[str, ...] = ()
    time_zone: str = "UTC"


def portal_of(launch: Launch) -> Portal:
    """The portal that was asked for.

    Raises ``ValueError`` for an option that cannot be right, ``OSError`` for a file.
    """
    settings: dict[str, Any] = {
        "seed": launch.seed,
        "limits": limits_of(launch.tier, launch.limit, launch.daily),
        "unknowns": unknowns_of(launch.unknowns),
        "latency": launch.latency,
        "time_zone": launch.time_zone,
        "epoch": datetime.now(UTC),
        "log_limit": LOG_LIMIT,
        "log_bodies": False,
    }
    if launch.load is not None:
        portal = load(launch.load, **settings)
    else:
        portal = build_portal(**{**settings, **launch.sizes})
    for kind, probability in faults_of(launch.faults):
        portal.fail(kind, probability=probability)
    for token in launch.tokens:
        portal.add_token(token)
    return portal


def run(launch: Launch, ready: Callable[[str], None]) -> None:
    """Serve until interrupted, then save. ``ready`` is told the URL."""
    portal = portal_of(launch)
    try:
        asyncio.run(_serve(launch, portal, ready))
    except KeyboardInterrupt:
        pass
    finally:
        if launch.save is not None:
            save(portal, launch.save)


async def _serve(launch: Launch, portal: Portal, ready: Callable[[str], None]) -> None:
    async with PortalServer(portal, host=launch.host, port=launch.port) as server:
        ready(server.url)
        await asyncio.Event().wait()


def limits_of(tier: str, limit: str | None, daily: int | None) -> Limits:
    """A tier's limits, with others in their place."""
    if tier not in TIERS:
        raise ValueError(f"unknown tier {tier!r}: use one of {', '.join(TIERS)}")
    limits = TIERS[tier]
    if limit is not None:
        number, slash, seconds = limit.partition("/")
        try:
            count, window = int(number), float(seconds if slash else limits.window)
        except ValueError:
            count, window = -1, 0.0
        if count < 0 or not 0 < window < float("inf"):
            raise ValueError(f"a limit is N/SECONDS, as in 100/10: {limit!r}")
        limits = msgspec.structs.replace(limits, associations=count, general=count, window=window)
    if daily is not None:
        limits = msgspec.structs.replace(limits, associations_daily=daily, daily=daily)
    return limits


def faults_of(texts: Iterable[str]) -> list[tuple[str, float]]:
    """Kinds with their probabilities."""
    found: list[tuple[str, float]] = []
    for text in texts:
        kind, equals, number = text.partition("=")
        try:
            probability = float(number) if equals else 1.0
        except ValueError:
            probability = -1.0
        if not 0 <= probability <= 1:
            raise ValueError(f"a fault is KIND=PROBABILITY, as in unavailable=0.01: {text!r}")
        found.append((kind, probability))
    return found


def unknowns_of(texts: Iterable[str]) -> Unknowns:
    """Settings for what nobody knows."""
    given = dict(text.partition("=")[::2] for text in texts)
    known = Unknowns.__struct_fields__
    for name in given:
        if name not in known:
            raise ValueError(f"unknown setting {name!r}: use one of {', '.join(known)}")
    try:
        return msgspec.convert(given, Unknowns, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"settings of unknowns: {error}") from error
