"""One request that is no batch, with the face of an exchange.

Knows: how an answer becomes a result or a problem. Does not know: what is asked, who sends.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from hubassoc_async.errors import ApiError, ProtocolError
from hubassoc_async.protocol.batching import AnyBatch
from hubassoc_async.protocol.decoding import decode
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.problem import Problem, Remedy, problem_of, protocol_problem
from hubassoc_async.protocol.steps import Steps, one_step

R = TypeVar("R")
T = TypeVar("T")


class OneInput(AnyBatch[None, None], gc=False):
    """What a sender takes for a batch: one request that cannot be halved."""


class Call(Generic[R]):
    """One request and what is made of its answer, with the face of an exchange."""

    def __init__(
        self, request: Request, decode: Callable[[bytes], R], *, repeatable: bool = True
    ) -> None:
        """``decode`` raises ``ProtocolError`` for a body that breaks the format, and ``ApiError``
        for one that says failure inside a success.

        ``repeatable``: whether sending it again is safe when HubSpot may have acted on it.
        """
        self._request = request
        self._decode = decode
        self.repeatable = repeatable
        self.batch = OneInput({None: None})

    def request(self, _batch: OneInput) -> Request:
        """Give the request."""
        return self._request

    def receive(self, _batch: OneInput, response: Response) -> Steps[list[R] | Problem]:
        """Take a response, in one step: the one result, or why it is no answer."""
        return one_step(self._result(response))

    def _result(self, response: Response) -> list[R] | Problem:
        problem = problem_of(response)
        if problem is not None:
            return problem
        try:
            return [self._decode(response.body)]
        except ProtocolError as error:
            return protocol_problem(str(error), response)
        except ApiError as error:
            return Problem(
                remedy=Remedy.STOP,
                error=ApiError,
                category=error.category or "UNKNOWN",
                message=str(error),
                sub_category=error.sub_category,
                correlation_id=response.headers.get("x-hubspot-correlation-id"),
                status=response.status,
            )

    def give_up(self, _batch: OneInput, problem: Problem) -> list[R]:
        """Raise why there is no answer."""
        raise problem.exception()


def nothing(_body: bytes) -> None:
    """Take a body for no result."""


def decoded(body: bytes, kind: type[T], what: str) -> T:
    """Decode a body. Raises ``ProtocolError``, naming what it was to be."""
    return decode(lambda given: msgspec.json.decode(given, type=kind), body, what)
