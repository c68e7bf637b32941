"""Who may ask: private-app tokens, OAuth apps with tokens of thirty minutes, scopes.

Knows: tokens, scopes, expiry. Does not know: operations beyond the scope they need, limits.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs

from msgspec import Struct

from hubassoc_async.emulator.bodies import dumps, error_response, json_response
from hubassoc_async.protocol.message import Response

TOKEN_LIFE = 1800
"""Seconds that an OAuth access token lives."""
OPEN_APP = "open"
"""The app of every token of a portal that knows no tokens."""


class Token(Struct):
    """One access token."""

    app: str
    scopes: frozenset[str] | None = None
    """None: every scope."""
    expires: float | None = None
    """In seconds since the portal's epoch. None: a private app's token, which does not expire."""
    revoked: bool = False

    @property
    def oauth(self) -> bool:
        """Whether it came from an OAuth app."""
        return self.expires is not None


class App(Struct):
    """An OAuth app that is installed in the portal."""

    name: str
    client_id: str
    client_secret: str
    refresh_token: str
    scopes: frozenset[str] | None = None
    refused: bool = False
    """Whether its refresh token is refused: the app was uninstalled."""
    refreshes: int = 0


class Gate:
    """Every token and app of one portal. Without any, every bearer token is taken."""

    def __init__(self) -> None:
        self.tokens: dict[str, Token] = {}
        self.apps: dict[str, App] = {}
        self._open = Token(OPEN_APP)

    def add_token(
        self, value: str, app: str = "private", scopes: Iterable[str] | None = None
    ) -> Token:
        """Take in a private app's token."""
        token = Token(app, None if scopes is None else frozenset(scopes))
        self.tokens[value] = token
        return token

    def add_app(
        self,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        scopes: Iterable[str] | None = None,
    ) -> App:
        """Install an OAuth app; its access tokens come from refreshing."""
        known = None if scopes is None else frozenset(scopes)
        app = App(client_id, client_id, client_secret, refresh_token, known)
        self.apps[refresh_token] = app
        return app

    def check(
        self, headers: Mapping[str, str], now: float, correlation_id: str
    ) -> Token | Response:
        """The token of a request, or the 401 it gets."""
        value = _bearer(headers)
        token = self.tokens.get(value) if self.tokens or self.apps else self._open
        if value and token is not None and not token.revoked:
            if token.expires is not None and token.expires <= now:
                return _expired(token.expires, now, correlation_id)
            return token
        return error_response(
            401,
            "Authentication credentials not found. This API supports OAuth 2.0 authentication",
            correlation_id,
            category="INVALID_AUTHENTICATION",
        )

    def knows(self, headers: Mapping[str, str], body: bytes | None) -> bool:
        """Whether a request is meant for this portal: by its token, or its refresh token."""
        if _bearer(headers) in self.tokens:
            return True
        form = parse_qs((body or b"").decode("latin-1")) if self.apps and body else {}
        return any(value in self.apps for value in form.get("refresh_token", ()))

    def refresh(self, body: bytes | None, now: float, correlation_id: str) -> Response:
        """Answer a form that asks for a new access token."""
        form = {name: v[-1] for name, v in parse_qs((body or b"").decode("latin-1")).items()}
        app = self.apps.get(form.get("refresh_token", ""))
        known = app is not None and (app.client_id, app.client_secret) == (
            form.get("client_id"),
            form.get("client_secret"),
        )
        if app is None or not known or app.refused or form.get("grant_type") != "refresh_token":
            return _bad_refresh(correlation_id)
        app.refreshes += 1
        value = f"CO-{app.client_id}-{app.refreshes}"
        self.tokens[value] = Token(app.name, app.scopes, now + TOKEN_LIFE)
        answer = {
            "token_type": "bearer",
            "refresh_token": app.refresh_token,
            "access_token": value,
            "expires_in": TOKEN_LIFE,
        }
        return json_response(200, dumps(answer))


def missing_scopes(
    token: Token, object_types: Iterable[str], action: str, correlation_id: str
) -> Response | None:
    """The 403 of a token that lacks what an operation needs, or None."""
    if token.scopes is None:
        return None
    needed = sorted({_scope(object_type, action) for object_type in object_types})
    lacking = [scope for scope in needed if scope not in token.scopes]
    if not lacking:
        return None
    context = {"requiredGranularScopes": lacking}
    return error_response(
        403,
        "This app hasn't been granted all required scopes to make this call.",
        correlation_id,
        category="MISSING_SCOPES",
        errors=[
            {"message": "One or more of the following scopes are required.", "context": context}
        ],
    )


def _scope(object_type: str, action: str) -> str:
    if object_type.startswith("2-"):
        return f"crm.objects.custom.{action}"
    plural = object_type[:-1] + "ies" if object_type.endswith("y") else object_type + "s"
    return f"crm.objects.{plural}.{action}"


def _bearer(headers: Mapping[str, str]) -> str:
    value = headers.get("Authorization") or headers.get("authorization") or ""
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _expired(expires: float, now: float, correlation_id: str) -> Response:
    age = {"expire time": [f"{now - expires:.0f} second(s) ago"]}
    return error_response(
        401,
        "The OAuth token used to make this call expired.",
        correlation_id,
        category="EXPIRED_AUTHENTICATION",
        context=age,
    )


def _bad_refresh(correlation_id: str) -> Response:
    body = {
        "status": "BAD_REFRESH_TOKEN",
        "message": "missing or invalid refresh token",
        "correlationId": correlation_id,
        "error": "invalid_grant",
        "error_description": "missing or invalid refresh token",
    }
    return json_response(400, dumps(body))
