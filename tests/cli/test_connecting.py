"""What a command is told of how fast it may be reaches the client, and no secret a message."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from hubassoc_async import AssociationsClient, DailyBudget, Quota, Quotas, SharedQuota
from hubassoc_async.cli.commands import hubassoc as hubassoc_group
from hubassoc_async.cli.connecting import SHARED_VARIABLE, Connection, connecting, connection
from hubassoc_async.pacing import TIERS
from tests.cli.command import TOKEN, names, read

PASSWORD = "5eCReT-0001"
SECRET_URL = f"redis://:{PASSWORD}@127.0.0.1:1/0"


def given(*arguments: str, **environment: str) -> Connection:
    """Parse the options of a connection as a command does."""
    found: list[Connection] = []

    @click.command()
    @connecting
    def command(**options: Any) -> None:
        found.append(connection(options))
        assert options == {}

    runner = CliRunner(env={"HUBSPOT_ACCESS_TOKEN": TOKEN, SHARED_VARIABLE: ""} | environment)
    done = runner.invoke(command, arguments, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return found[0]


def test_without_options_a_command_has_the_clients_own_defaults() -> None:
    """Nothing of the pace is said twice."""
    by_command, by_client = given().client(), AssociationsClient(TOKEN)
    for name in ("quotas", "api_version", "_concurrency"):
        assert getattr(by_command, name) == getattr(by_client, name)
    assert vars(by_command._pacing) == vars(by_client._pacing)
    assert repr(by_command) == repr(by_client)


def test_every_option_reaches_the_client() -> None:
    """A plan by name, or N/seconds; the mode; the day; the shared quota."""
    assert given("--quota", "professional").quota == TIERS["professional"]
    assert given("--quota", "7/2").client().quotas == Quotas(associations=Quota(7, 2))
    assert given("--pacing", "adaptive").client()._pacing._mode == "adaptive"
    assert given("--daily-reserve", "20%").daily_reserve == DailyBudget(reserve="20%")
    day = given(
        *("--daily-reserve", "0.1", "--daily-count", "day.db"),
        *("--time-zone", "Europe/Berlin", "--portal", "123"),
    )
    assert day.client()._pacing._daily == DailyBudget(
        reserve="0.1", path=Path("day.db"), portal="123", time_zone="Europe/Berlin"
    )
    shared = given(
        *("--shared-quota", "file:///quota.db", "--portal", "123", "--quota", "enterprise"),
        *("--without", "refuse", "--workers", "3"),
    )
    assert shared.client()._pacing._shared == SharedQuota(
        "file:///quota.db", portal="123", quota=TIERS["enterprise"], without="refuse", workers=3
    )
    assert shared.client().quotas == TIERS["enterprise"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--pacing", "fast"), "'strict', 'adaptive', 'off'"),
        (("--quota", "gold"), "professional+addon"),
        (("--daily-reserve", "120%"), "a share such as 20%"),
        (("--daily-reserve", "0.2", "--time-zone", "Mars"), "unknown time zone"),
        (("--daily-count", "day.db"), "--daily-reserve"),
        (("--time-zone", "Mars"), "unknown time zone"),
        (("--shared-quota", "file:///q.db"), "needs --portal"),
        (("--shared-quota", "http://x", "--portal", "1"), "redis://"),
        (("--shared-quota", "file://q.db", "--portal", "1"), "a whole path"),
        (("--without", "refuse"), "--shared-quota"),
        (("--workers", "2"), "--shared-quota"),
    ],
)
def test_what_does_not_fit_together_is_a_usage_error(arguments: tuple[str, ...], said: str) -> None:
    """With words that say what to do."""
    with pytest.raises(click.UsageError) as wrong:
        given(*arguments)
    assert said in wrong.value.format_message()


def test_a_password_is_no_argument_and_the_environment_keeps_it() -> None:
    """As an argument it is refused unseen; from the environment it reaches Redis and no text."""
    for url in (SECRET_URL, f"redis://h/0?password={PASSWORD}"):
        with pytest.raises(click.UsageError) as wrong:
            given("--shared-quota", url, "--portal", "1")
        assert SHARED_VARIABLE in wrong.value.format_message()
        assert PASSWORD not in wrong.value.format_message()
    kept = given("--portal", "1", HUBASSOC_SHARED_QUOTA=SECRET_URL)
    assert kept.shared is not None
    assert kept.shared.url == SECRET_URL
    for said in (kept, kept.shared, kept.client()):
        assert PASSWORD not in repr(said)
        assert TOKEN not in repr(said)
    assert "127.0.0.1:1/0" in repr(kept.shared)
    with pytest.raises(click.UsageError) as wrong:
        given("--portal", "1", HUBASSOC_SHARED_QUOTA=f"redis://:{PASSWORD}/x@h")
    assert PASSWORD not in wrong.value.format_message()


async def test_a_redis_out_of_reach_is_said_without_its_password(
    url: str, ids: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to refuse, a read ends with an error and what remains; the log has no secret."""
    monkeypatch.setenv(SHARED_VARIABLE, SECRET_URL)
    how = "--portal", "1", "--without", "refuse", "--verbose"
    done = await read(url, "--ids", ids, "--output", "x.ndjson", *how, cwd=tmp_path)
    assert done.status == 1
    assert "out of reach" in done.err
    assert PASSWORD not in done.err
    assert names(tmp_path) == []


async def test_a_read_with_a_shared_quota_of_a_file_and_a_kept_day(
    url: str, ids: Path, tmp_path: Path
) -> None:
    """Reads as ever; a second run goes on with the day's count and stops at the reserve."""
    how = (
        *("--shared-quota", (tmp_path / "quota.db").as_uri(), "--portal", "1"),
        *("--daily-reserve", "99.999%", "--daily-count", "day.db"),
    )
    done = await read(url, "--ids", ids, "--output", "x.ndjson", *how, cwd=tmp_path, quota="50/1")
    assert done.status == 0, done.err
    done = await read(url, "--ids", ids, "--output", "y.ndjson", *how, cwd=tmp_path, quota="50/1")
    assert done.status == 4, done.err
    assert "are kept for others" in done.err


@pytest.mark.parametrize("output", ["x.parquet", "-"])
async def test_a_dry_run_of_a_read_sends_nothing_and_needs_no_token(
    ids: Path, tmp_path: Path, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what ``hubassoc plan`` says, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    common = ["contacts", "companies", "--ids", str(ids), "--quota", "enterprise+addon"]
    runner = CliRunner(env={"HUBSPOT_ACCESS_TOKEN": ""})
    dry = runner.invoke(hubassoc_group, ["read", *common, "--output", output, "--dry-run"])
    assert (dry.exit_code, dry.stdout) == (0, "")
    assert "nothing was sent" in dry.stderr
    planned = runner.invoke(hubassoc_group, ["plan", *common])
    for line in planned.stdout.splitlines()[1:]:
        assert line in dry.stderr
    assert "0.000% of a daily quota of 1,000,000" in dry.stderr
    assert names(tmp_path) == []


async def test_a_long_read_says_how_far_off_its_plan_was(
    url: str, ids: Path, tmp_path: Path
) -> None:
    """The fewest requests and seconds for so many ids, beside what it took."""
    numbers = tmp_path / "many.txt"
    numbers.write_text("".join(f"{n}\n" for n in range(1, 20_001)))
    done = await read(url, "--ids", numbers, "--output", "x.ndjson", cwd=tmp_path, quota="100/1")
    said = re.search(r"planned: 20 requests, 0 s; it took (\d+) requests \((.+?)\)", done.err)
    assert said is not None, done.err
    assert said[2] == f"{int(said[1]) / 20 - 1:+.1%}"
    short = await read(url, "--ids", ids, "--output", "y.ndjson", cwd=tmp_path)
    assert "planned" not in short.err
