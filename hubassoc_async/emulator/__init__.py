"""A HubSpot portal to test against: real answers, real limits, and faults on purpose.

Knows: the API's behaviour, from its documentation and from what was seen on the wire. Does not
know: this package's client. It is the other peer and shares no codec with it, so that a mistake
made on one side shows on the other.
"""

from hubassoc_async.emulator.build import build_portal
from hubassoc_async.emulator.calls import Asked
from hubassoc_async.emulator.delivery import WHOLE, Delivery, Reply
from hubassoc_async.emulator.faults import Fault
from hubassoc_async.emulator.memory import MemoryTransport
from hubassoc_async.emulator.portal import Portal
from hubassoc_async.emulator.server import PortalServer
from hubassoc_async.emulator.settings import TIERS, Limits, Unknowns
from hubassoc_async.emulator.virtual import run_virtual

__all__ = [
    "TIERS",
    "WHOLE",
    "Asked",
    "Delivery",
    "Fault",
    "Limits",
    "MemoryTransport",
    "Portal",
    "PortalServer",
    "Reply",
    "Unknowns",
    "build_portal",
    "run_virtual",
]
