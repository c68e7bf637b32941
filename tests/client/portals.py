"""Portals in memory and clients of them, as tests of the client want them."""

from typing import Any

from hubassoc_async import AssociationsClient
from hubassoc_async.emulator import MemoryTransport, Portal


def portal_of(contacts: int, *, companies: int = 2, **settings: Any) -> Portal:
    """Contacts 1 to n, each with so many companies."""
    portal = Portal(**settings)
    for contact in range(1, contacts + 1):
        for company in range(companies):
            portal.associate("contacts", contact, "companies", 9_000_000_000 + company)
    return portal


def client_of(portal: Portal, *, latency: float = 0.1, **settings: Any) -> AssociationsClient:
    return AssociationsClient(transport=MemoryTransport(portal, latency=latency), **settings)
