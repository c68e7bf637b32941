"""``hubassoc plan``: the arithmetic, and what is said."""

from pathlib import Path

from click.testing import CliRunner

from hubassoc_async import Quotas
from hubassoc_async.cli.commands import hubassoc
from hubassoc_async.jobs.planning import plan_read


def test_a_plan_counts_distinct_ids_requests_time_and_the_share_of_the_day() -> None:
    """Full batches at the quota."""
    ids = [str(n) for n in range(100_001)] + ["1", "2"]
    plan = plan_read(ids, Quotas(), batch=1_000)
    assert (plan.ids, plan.repeated, plan.requests) == (100_001, 2, 101)
    assert plan.seconds == 10.1
    assert plan.daily_share == 101 / 500_000
    assert plan.off_by(202, 10.1) == (1.0, 0.0)
    assert plan_read([], Quotas(), batch=1_000).off_by(0, 0.0) == (0.0, 0.0)


def test_the_command_says_it_and_afterwards_how_far_off_it_was(tmp_path: Path) -> None:
    """Without a token and without sending anything."""
    ids, summary = tmp_path / "ids.txt", tmp_path / "summary.json"
    ids.write_text("".join(f"{n}\n" for n in range(1, 150_001)))
    summary.write_text('{"ids": 150000, "requests": 165, "seconds": 11.0}')
    arguments = ["plan", "contacts", "companies", "--ids", str(ids), "--quota", "professional"]
    result = CliRunner().invoke(hubassoc, [*arguments, "--after", str(summary)])
    assert result.exit_code == 0, result.output
    for said in (
        "150,000 ids",
        "at least 150 requests",
        "at 150/10",
        "0.030% of a daily quota of 500,000",
        "planned: 150 requests, 10 s; it took 165 requests (+10.0%), 11 s (+10.0%)",
    ):
        assert said in result.output


def test_what_cannot_be_planned_is_a_usage_error(tmp_path: Path) -> None:
    """A missing file, an unknown plan, a summary that is none."""
    ids = tmp_path / "ids.txt"
    ids.write_text("1\n")
    base = ["plan", "contacts", "companies", "--ids"]
    for arguments in (
        [*base, str(tmp_path / "none.txt")],
        [*base, str(ids), "--quota", "gold"],
        [*base, str(ids), "--after", str(ids)],
    ):
        assert CliRunner().invoke(hubassoc, arguments).exit_code == 2
