"""Who may ask, as facts 7 of docs/emulator.md tell it."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from hubassoc_async.emulator import Limits, Portal
from hubassoc_async.protocol.message import Request, Response
from tests.emulator.asking import batch_request

READ = batch_request("read", ["1"])


def portal() -> Portal:
    """A portal with an OAuth app and three private apps, of which one can read contacts only."""
    made = Portal()
    made.associate("contact", 1, "company", 10)
    made.add_token("pat-na1-all")
    made.add_token("pat-na1-some", app="some", scopes=["crm.objects.contacts.read"])
    made.add_app("client", "secret", "refresh", scopes=None)
    return made


def ask(
    made: Portal, authorization: str | None, request: Request = READ, now: float = 0
) -> Response:
    """Ask with an Authorization header."""
    headers = {} if authorization is None else {"Authorization": authorization}
    return made.handle(request, headers, now).response


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer ", "Bearer nobody", "Basic pat-na1-all"]
)
def test_an_unknown_token_is_refused(authorization: str | None) -> None:
    """401, and nothing is used up."""
    response = ask(portal(), authorization)
    assert response.status == 401
    assert json.loads(response.body)["category"] == "INVALID_AUTHENTICATION"


def test_a_token_is_taken() -> None:
    """In a portal that knows none, any is."""
    assert ask(portal(), "Bearer pat-na1-all").status == 200
    open_portal = Portal()
    assert ask(open_portal, "Bearer whatever").status == 207
    assert ask(open_portal, None).status == 401


def test_a_revoked_token_is_refused() -> None:
    """From then on."""
    made = portal()
    made.revoke_token("pat-na1-all")
    assert ask(made, "Bearer pat-na1-all").status == 401


def test_missing_scopes_are_named() -> None:
    """403, with the scopes that are missing."""
    response = ask(portal(), "Bearer pat-na1-some")
    body = json.loads(response.body)
    assert (response.status, body["category"]) == (403, "MISSING_SCOPES")
    context = body["errors"][0]["context"]
    assert context == {"requiredGranularScopes": ["crm.objects.companies.read"]}


def test_object_types_are_checked_before_scopes_and_after_the_token() -> None:
    """Token, object type, scope: the first that is wrong decides."""
    wrong = batch_request("read", ["1"], pair="widgets/companies")
    assert ask(portal(), "Bearer nobody", wrong).status == 401
    assert ask(portal(), "Bearer pat-na1-some", wrong).status == 400


def refresh(made: Portal, now: float = 0.0, **form: Any) -> Response:
    """Ask for an access token."""
    fields = {
        "grant_type": "refresh_token",
        "client_id": "client",
        "client_secret": "secret",
        "refresh_token": "refresh",
        **form,
    }
    request = Request("POST", "/oauth/2026-09/token", "", urlencode(fields).encode())
    return made.handle(request, {}, now).response


def test_an_oauth_token_lives_thirty_minutes() -> None:
    """Then it is expired, which is another 401; refreshing gives a new one."""
    made = portal()
    first = json.loads(refresh(made).body)
    assert (first["expires_in"], first["refresh_token"]) == (1800, "refresh")
    bearer = f"Bearer {first['access_token']}"
    assert ask(made, bearer, now=1799.9).status == 200
    expired = ask(made, bearer, now=1800.0)
    assert expired.status == 401
    assert json.loads(expired.body)["category"] == "EXPIRED_AUTHENTICATION"
    second = json.loads(refresh(made, now=1800.0).body)["access_token"]
    assert ask(made, f"Bearer {second}", now=1800.0).status == 200


@pytest.mark.parametrize(
    "form",
    [
        {"refresh_token": "other"},
        {"client_secret": "guess"},
        {"client_id": "other"},
        {"grant_type": "password"},
    ],
)
def test_a_refused_refresh(form: dict[str, Any]) -> None:
    """400, in two vocabularies at once."""
    response = refresh(portal(), **form)
    body = json.loads(response.body)
    assert response.status == 400
    assert (body["error"], body["status"]) == ("invalid_grant", "BAD_REFRESH_TOKEN")


def test_an_uninstalled_app_is_not_refreshed() -> None:
    """Its refresh token is refused."""
    made = portal()
    made.gate.apps["refresh"].refused = True
    assert refresh(made).status == 400


def test_oauth_answers_lack_the_daily_headers() -> None:
    """The other rate-limit headers are there."""
    made = Portal(limits=Limits(general=100, daily=1000))
    made.add_app("client", "secret", "refresh")
    made.add_token("pat-na1-all")
    token = json.loads(refresh(made).body)["access_token"]
    path = "/crm/objects/2026-03/contact/1/associations/company"
    listing = Request("GET", path)
    for bearer, daily in ((token, False), ("pat-na1-all", True)):
        headers = ask(made, f"Bearer {bearer}", listing).headers
        assert headers["x-hubspot-ratelimit-max"] == "100"
        assert ("x-hubspot-ratelimit-daily" in headers) is daily
