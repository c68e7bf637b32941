"""One HubSpot account: a request and a moment in, a reply out.

Pure and synchronous: no clock, no sockets, no files; chance comes from a seed.

Knows: the order in which HubSpot checks things (token, object types, scopes, body). Does not know:
how an answer travels, nor anything of the client.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from hubassoc_async.emulator import auth, bodies, faults
from hubassoc_async.emulator.call import Call
from hubassoc_async.emulator.calls import BUCKETS, Asked, Log, Route, asked
from hubassoc_async.emulator.caps import Caps
from hubassoc_async.emulator.delivery import Reply
from hubassoc_async.emulator.graph import Graph
from hubassoc_async.emulator.latency import Latency
from hubassoc_async.emulator.limits import Governor, too_many_requests
from hubassoc_async.emulator.operations import OPERATIONS
from hubassoc_async.emulator.refusals import Refused
from hubassoc_async.emulator.script import Script
from hubassoc_async.emulator.settings import TIERS, Limits, Unknowns
from hubassoc_async.protocol.message import Request, Response

if TYPE_CHECKING:
    from hubassoc_async.emulator.reads import Reader

EPOCH = datetime(2026, 11, 21, 12, tzinfo=UTC)
"""What a portal's clock says at ``now`` 0, unless told otherwise."""

Condition: TypeAlias = Callable[[Asked], bool]


class Portal:
    """A HubSpot account that answers requests; see the emulator's documentation."""

    def __init__(
        self,
        *,
        seed: int = 0,
        limits: Limits | str = "unlimited",
        unknowns: Unknowns | None = None,
        epoch: datetime = EPOCH,
        time_zone: str = "UTC",
        check_objects: bool = True,
        log_limit: int = 10_000,
        log_bodies: bool = True,
        latency: Latency | str = "none",
    ) -> None:
        self.graph = Graph()
        self.unknowns = unknowns or Unknowns()
        self.epoch = epoch
        self.check_objects = check_objects
        self.gate = auth.Gate()
        self.script = Script(seed)
        self.log = Log(log_limit, bodies=log_bodies)
        chosen = TIERS[limits] if isinstance(limits, str) else limits
        self.governor = Governor(chosen, self.unknowns, epoch, time_zone)
        self.latency = Latency.parse(latency) if isinstance(latency, str) else latency
        self._known_apps: set[str] = set()
        self.caps = Caps(self.unknowns.record_cap)
        self.reports: list[int] = []
        """Users for whom a usage report was asked."""
        self.readers: dict[tuple[str, str, str], Reader] = {}
        self._random = Random(seed)  # noqa: S311  correlation ids, not secrets

    # -- stating the world -------------------------------------------------------------------

    def add_objects(self, object_type: str, ids: Iterable[int | str]) -> None:
        """Make records exist; a range costs nothing, however long."""
        objects = self.graph.objects_of(self._type(object_type))
        if isinstance(ids, range):
            objects.extend(ids)
            return
        for object_id in ids:
            objects.add(int(object_id))

    def associate(
        self,
        from_type: str,
        from_id: int | str,
        to_type: str,
        to_id: int | str,
        *labels: int | str,
    ) -> None:
        """Associate two records, which need not exist before, in both directions.

        ``labels``: types besides the unlabelled one, each a HubSpot type id or a label's text.
        Raises ``ValueError`` for types that the portal does not have.
        """
        source, target = self._type(from_type), self._type(to_type)
        direction = self.graph.catalog.direction(source, target)
        if not direction.types:
            raise ValueError(f"{source} and {target} cannot be associated")
        keys = [direction.meant(label) for label in labels]
        self.graph.objects_of(source).add(int(from_id))
        self.graph.objects_of(target).add(int(to_id))
        self.graph.put(source, int(from_id), target, int(to_id), keys, replace=False)

    def define_label(
        self, from_type: str, to_type: str, label: str, inverse_label: str | None = None
    ) -> tuple[int, int]:
        """Add a label of the portal's own; gives its type ids, there and back."""
        name = label.lower().replace(" ", "_")
        there, back = self.graph.catalog.define_label(
            self._type(from_type), self._type(to_type), label, inverse_label, name
        )
        return there.type_id, back.type_id

    def define_object(self, type_id: str, name: str) -> None:
        """Add a custom object type, such as ``2-1234`` named ``pets``."""
        self.graph.catalog.define_object(type_id, name)

    def add_token(
        self, token: str, *, app: str = "private", scopes: Iterable[str] | None = None
    ) -> None:
        """Let a private app's token in. From the first token on, no other is taken."""
        self.gate.add_token(token, app, scopes)

    def revoke_token(self, token: str) -> None:
        """Take no more of a token. Raises ``KeyError`` for one that was never added."""
        self.gate.tokens[token].revoked = True

    def add_app(
        self,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        *,
        scopes: Iterable[str] | None = None,
    ) -> None:
        """Install an OAuth app; its access tokens come from refreshing, and live 30 minutes."""
        self.gate.add_app(client_id, client_secret, refresh_token, scopes)

    # -- making it fail, and seeing what was asked -------------------------------------------

    def fail(
        self,
        fault: faults.Fault | Response | str,
        *,
        nth: int | Iterable[int] | None = None,
        when: Condition | None = None,
        operation: str | None = None,
        probability: float = 1.0,
        times: int | None = None,
    ) -> None:
        """Spoil answers from now on.

        ``nth`` counts matching requests from 1; ``when`` sees what is asked; ``operation`` is
        ``read``, ``create`` and so on; ``probability`` draws from the portal's seed; ``times`` is
        how often at most. Rules are asked in the order in which they were made.
        """
        self.script.add(
            fault, nth=nth, when=when, operation=operation, probability=probability, times=times
        )

    def heal(self) -> None:
        """Forget every rule of ``fail``."""
        self.script.rules.clear()

    @property
    def requests(self) -> list[Asked]:
        """The latest requests, oldest first."""
        return list(self.log.requests)

    # -- answering ---------------------------------------------------------------------------

    def handle(self, request: Request, headers: Mapping[str, str], now: float) -> Reply:
        """Answer one request that arrives ``now`` seconds after the portal's epoch."""
        seen, route, other_method = asked(request, now)
        correlation_id = str(UUID(int=self._random.getrandbits(128), version=4))
        reply = self._judge(seen, route, other_method, headers, correlation_id)
        seen.status = reply.response.status
        if reply.delivery.how == "reset" and not reply.delivery.share:
            seen.status = 0
        self.log.add(seen)
        return self._late(reply, seen) if self.latency.model != "none" else reply

    def _late(self, reply: Reply, seen: Asked) -> Reply:
        first = seen.app not in self._known_apps
        self._known_apps.add(seen.app)
        delay = self.latency.seconds(seen.operation, seen.count, first=first, random=self._random)
        return Reply(reply.response, reply.delay + delay, reply.delivery)

    def _judge(
        self,
        seen: Asked,
        route: Route | None,
        other_method: bool,
        headers: Mapping[str, str],
        correlation_id: str,
    ) -> Reply:
        now = seen.time
        if route is not None and route.operation == "oauth":
            return Reply(self.gate.refresh(seen.body, now, correlation_id))
        token = self.gate.check(headers, now, correlation_id)
        if isinstance(token, Response):
            return Reply(token)
        seen.app = token.app
        bucket = BUCKETS.get(seen.operation, "associations")
        judged = self.governor.judge(bucket, token.app, now, oauth=token.oauth)
        extra = {**judged.headers, "x-hubspot-correlation-id": correlation_id}
        if judged.policy is not None:
            return Reply(_with(too_many_requests(judged.policy, correlation_id), extra))
        fault = self.script.choose(seen) if self.script.rules else None
        if fault is not None:
            seen.fault = fault.kind
            spoilt = faults.answer(fault, correlation_id)
            if spoilt is not None:
                return spoilt
        if route is None:
            return Reply(_no_route(seen, other_method, correlation_id))
        response = self._answer(seen, route, token, correlation_id, fault)
        reply = Reply(_with(response, extra))
        return reply if fault is None else faults.spoil(fault, reply)

    def _answer(
        self,
        seen: Asked,
        route: Route,
        token: auth.Token,
        correlation_id: str,
        fault: faults.Fault | None,
    ) -> Response:
        assert route.version is not None, "only the OAuth routes have no version"
        handler, action = OPERATIONS[route.operation]
        started = bodies.timestamp(self.epoch + timedelta(seconds=seen.time))
        self.graph.turn += 1
        try:
            types = [
                self._asked_type(seen.parts[name])
                for name in ("from_type", "to_type")
                if name in seen.parts
            ]
            refusal = auth.missing_scopes(token, types, action, correlation_id)
            if refusal is not None:
                return refusal
            spoilt = "" if fault is None else fault.kind
            return handler(Call(self, seen, route.version, types, started, spoilt))
        except Refused as refused:
            return refused.response(correlation_id)

    def _asked_type(self, spelling: str) -> str:
        found = self.graph.catalog.object_type(spelling)
        if found is not None:
            return found
        if spelling.partition("-")[0].isdigit():
            raise Refused(400, f"Invalid object or event type id: {spelling}")
        raise Refused(400, f"Unable to infer object type from: {spelling}")

    def _type(self, spelling: str) -> str:
        found = self.graph.catalog.object_type(spelling)
        if found is None:
            raise ValueError(f"unknown object type {spelling!r}: define_object adds one")
        return found


def _with(response: Response, headers: Mapping[str, str]) -> Response:
    return Response(response.status, {**response.headers, **headers}, response.body)


def _no_route(seen: Asked, other_method: bool, correlation_id: str) -> Response:
    if other_method:
        return bodies.error_response(405, "Method not allowed", correlation_id)
    return bodies.error_response(404, f"No resource at {seen.path}", correlation_id)
