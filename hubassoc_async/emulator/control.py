"""What a server says about itself, apart from what HubSpot would say: ``/`` and ``/__emulator/…``.

GET ``state``, ``requests``, ``faults``; POST ``reset``, ``advance``, ``faults``; DELETE ``faults``.

Knows: portals, their logs and faults. Does not know: sockets, HubSpot's API.
"""

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import msgspec

from hubassoc_async.emulator.bodies import dumps, json_response
from hubassoc_async.emulator.calls import Asked, query_of
from hubassoc_async.emulator.faults import Fault
from hubassoc_async.emulator.portal import Portal
from hubassoc_async.emulator.script import Rule
from hubassoc_async.protocol.message import Request, Response

PREFIX = "/__emulator/"
SHOWN = 20
"""Requests that a list shows unless it is asked for more."""


class FaultOrder(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a POST that sets a fault."""

    kind: str
    probability: float = 1.0
    operation: str | None = None
    nth: list[int] | None = None
    times: int | None = None
    input_id: str | None = None
    """Only requests with this id among their inputs."""
    delay: float = 5.0
    share: float = 0.5
    retry_after: float | None = None


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a POST that advances time."""

    seconds: float


class Control:
    """Answers what is asked about the portals of a server."""

    def __init__(self, portals: Sequence[Portal]) -> None:
        self.portals = portals
        self.skipped = 0.0
        """Seconds by which the portals' time has been advanced."""
        self._answers: dict[tuple[str, str], Callable[[Portal, Request, float], object]] = {
            ("GET", "requests"): _requests,
            ("GET", "faults"): _faults,
            ("POST", "faults"): _add_fault,
            ("DELETE", "faults"): _heal,
            ("POST", "reset"): _reset,
            ("POST", "advance"): self._advance,
        }

    def answer(self, request: Request, now: float) -> Response | None:
        """An answer, or None for what is HubSpot's business."""
        if request.path == "/":
            return _page() if request.method == "GET" else None
        if not request.path.startswith(PREFIX):
            return None
        name = request.path.removeprefix(PREFIX)
        if (request.method, name) == ("GET", "state"):
            return _json(200, {"now": now, "portals": [state(p, now) for p in self.portals]})
        answer = self._answers.get((request.method, name))
        if answer is None:
            known = ["GET state", *(f"{method} {each}" for method, each in self._answers)]
            return _json(404, {"message": f"{PREFIX} has: {', '.join(known)}"})
        try:
            number = int(query_of(request.query).get("portal", "0"))
            return _json(200, answer(self.portals[number], request, now))
        except (ValueError, IndexError) as error:  # what msgspec raises is a ValueError too
            return _json(400, {"message": str(error)})

    def _advance(self, portal: Portal, request: Request, now: float) -> object:
        seconds = msgspec.json.decode(request.body or b"", type=Advance).seconds
        if seconds < 0:
            raise ValueError("time goes forward only")
        self.skipped += seconds
        return {"now": now + seconds}


def state(portal: Portal, now: float) -> dict[str, Any]:
    """A portal in figures."""
    log = portal.log
    relations = portal.graph.relations.items()
    errors = [asked for asked in log.requests if asked.status >= 400 or asked.fault]
    return {
        "objects": {name: len(ids) for name, ids in portal.graph.objects.items() if len(ids)},
        "associations": {
            f"{pair[0]} to {pair[1]}": size for pair, r in relations if (size := r.count())
        },
        "operations": dict(log.operations.most_common()),
        "statuses": {str(status): count for status, count in sorted(log.statuses.items())},
        "inputs": log.inputs,
        "windows": {
            name: {"used": used, "limit": limit, "seconds": span}
            for name, (used, limit, span) in portal.governor.used(now).items()
        },
        "spent_today": portal.governor.spent(now),
        "faults": [_rule(rule) for rule in portal.script.rules],
        "errors": [_shown(asked) for asked in errors[-SHOWN:]][::-1],
    }


def _json(status: int, value: object) -> Response:
    return json_response(status, dumps(value))


def _page() -> Response:
    html = files("hubassoc_async.emulator").joinpath("status.html").read_bytes()
    return Response(200, {"content-type": "text/html; charset=utf-8"}, html)


def _shown(asked: Asked) -> dict[str, Any]:
    return {
        "time": round(asked.time, 3),
        "operation": asked.operation,
        "version": asked.version,
        "method": asked.method,
        "path": asked.path,
        "inputs": asked.count,
        "status": asked.status,
        "fault": asked.fault,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "kind": rule.fault.kind,
        "operation": rule.operation,
        "nth": None if rule.nth is None else sorted(rule.nth),
        "probability": rule.probability,
        "times": rule.times,
        "seen": rule.seen,
    }


def _requests(portal: Portal, request: Request, now: float) -> object:
    limit = int(query_of(request.query).get("limit", str(SHOWN)))
    if limit < 1:
        raise ValueError("limit is at least 1")
    return {"requests": [_shown(asked) for asked in portal.requests[-limit:]]}


def _faults(portal: Portal, request: Request, now: float) -> object:
    return {"faults": [_rule(rule) for rule in portal.script.rules]}


def _add_fault(portal: Portal, request: Request, now: float) -> object:
    order = msgspec.json.decode(request.body or b"", type=FaultOrder)
    portal.fail(
        Fault(order.kind, order.delay, order.share, order.retry_after),
        nth=order.nth,
        when=None if order.input_id is None else _asks_for(order.input_id),
        operation=order.operation,
        probability=order.probability,
        times=order.times,
    )
    return _faults(portal, request, now)


def _asks_for(input_id: str) -> Callable[[Asked], bool]:
    return lambda asked: input_id in asked.ids


def _heal(portal: Portal, request: Request, now: float) -> object:
    portal.heal()
    return _faults(portal, request, now)


def _reset(portal: Portal, request: Request, now: float) -> object:
    """Forget requests, faults and used-up limits. What is stored stays."""
    portal.log.clear()
    portal.heal()
    portal.governor.forget()
    return state(portal, now)
