"""What a server says about itself, apart from what HubSpot would say: ``/__emulator/…``.

Knows: portals and their logs. Does not know: sockets, HubSpot's API.
"""

from collections.abc import Sequence

from hubassoc_async.emulator.bodies import dumps, json_response
from hubassoc_async.emulator.portal import Portal
from hubassoc_async.protocol.message import Request, Response


class Control:
    """Answers what is asked about the portals of a server."""

    def __init__(self, portals: Sequence[Portal]) -> None:
        self.portals = portals
        self.skipped = 0.0
        """Seconds by which the portals' time has been advanced."""

    def answer(self, request: Request, now: float) -> Response | None:
        """An answer, or None for what is HubSpot's business."""
        if request.path == "/__emulator/state":
            return json_response(200, dumps([state(portal, now) for portal in self.portals]))
        return None


def state(portal: Portal, now: float) -> dict[str, object]:
    """A portal in figures."""
    log = portal.log
    return {
        "objects": {name: len(ids) for name, ids in portal.graph.objects.items()},
        "operations": dict(log.operations),
        "statuses": {str(status): count for status, count in log.statuses.items()},
        "inputs": log.inputs,
        "windows": portal.governor.used(now),
        "spent_today": portal.governor.spent(now),
    }
