"""How fast: never more than the quota in any window at the server, and a pause for everyone."""

from hubassoc_async.pacing.clock import Clock, TimerHandle
from hubassoc_async.pacing.daily import DailyBudget, budget_of
from hubassoc_async.pacing.lanes import Places, Priority
from hubassoc_async.pacing.pacer import Pacer, Turn
from hubassoc_async.pacing.pacers import DEFAULT_PACING, Pacers, Pacing
from hubassoc_async.pacing.quota import TIERS, Mode, Quota, Quotas, quotas_of
from hubassoc_async.pacing.shared import SharedQuota

__all__ = [
    "DEFAULT_PACING",
    "TIERS",
    "Clock",
    "DailyBudget",
    "Mode",
    "Pacer",
    "Pacers",
    "Pacing",
    "Places",
    "Priority",
    "Quota",
    "Quotas",
    "SharedQuota",
    "TimerHandle",
    "Turn",
    "budget_of",
    "quotas_of",
]
