"""One page about one job, running or ended: nothing is loaded from anywhere.

Knows: journals, samples, HTML. Does not know: how a job works.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final

import msgspec

from hubassoc_async.jobs.dead_letters import FAILURES, DeadLetter, failures_now
from hubassoc_async.jobs.files import open_target
from hubassoc_async.jobs.journal import JobInfo
from hubassoc_async.jobs.parking import Park, parks
from hubassoc_async.jobs.plots import Line, plot
from hubassoc_async.jobs.sampling import Sample, samples
from hubassoc_async.pacing import quotas_of

_POINTS: Final = 600  # of a line
_NEAR: Final = 0.5  # seconds: over less, a rate says nothing
_DRAWN: Final = 2.0  # seconds: of less, there is nothing to be seen over time
_COLOURS: Final = {"failed": 2, "stale": 2, "none": 4, "unchanged": 4, "created": 3, "archived": 5}
_STYLE: Final = Path(__file__).with_name("report.css")


def write_report(path: Path, job: JobInfo) -> None:
    """Write the page; it appears when it is whole. Raises ``OSError``."""
    file = open_target(path)
    try:
        file.file.write(report(job).encode())
        file.commit()
    finally:
        file.abort()


def report(job: JobInfo) -> str:
    """Make the page of a job as it is now."""
    runs = [list(run) for _, run in groupby(samples(job.path), key=lambda one: one.run)]
    rests = parks(job.path)
    spec = job.spec
    title = escape(f"{job.name}: {spec.kind} {spec.from_object_type} → {spec.to_object_type}")
    state = escape(f"{job.state}, {job.reason}" if job.reason else job.state)
    sections = [
        f'<h1>{title}</h1><p class="soft">{state}; as of {_date(time.time())}</p>',
        _section("Outcomes", _outcomes(job)),
        _section("What it took", _table(_totals(job, runs, rests))),
    ]
    if any(run[-1].at - run[0].at >= _DRAWN for run in runs):
        sections += _plots(job, runs, rests)
    failures = failures_now(job)
    if failures is not None:
        sections.append(_section("Failures", _failures(failures, _committed(job))))
    sections.append(_section("The job", _table(_described(job))))
    body = "".join(sections)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE.read_text()}</style><body>{body}</body></html>\n"
    )


def _outcomes(job: JobInfo) -> str:
    kinds = {name: n for name, n in job.mark.counts.items() if name != "associations"}
    colours = {name: _COLOURS.get(name, 1) for name in kinds}
    keys = [
        f'<span class="k c{colours[name]}">{n:,} {escape(name)}</span>' for name, n in kinds.items()
    ]
    bars = [f'<i class="c{colours[name]}" style="flex:{n}"></i>' for name, n in kinds.items() if n]
    return f'<div class="bar">{"".join(bars)}</div><p class="key">{"".join(keys)}</p>'


def _totals(
    job: JobInfo, runs: Sequence[Sequence[Sample]], rests: Sequence[Park]
) -> Iterator[tuple[str, str]]:
    last = [run[-1] for run in runs]
    requests, answered = sum(one.requests for one in last), sum(one.answered for one in last)
    batches = sum(one.batches for one in last)
    rejected = sum(one.rate_limited for one in last)
    worked = sum(run[-1].at - run[0].at for run in runs)
    unit = "ids" if job.spec.kind == "export" else "pairs"
    yield unit, f"{job.mark.items:,}"
    if "associations" in job.mark.counts:
        yield "associations", f"{job.mark.counts['associations']:,}"
    yield "time at work", f"{_lasting(worked)} in {len(runs)} run{'s' if len(runs) != 1 else ''}"
    if worked > 0:
        yield f"{unit} a second at work", f"{job.mark.items / worked:,.0f}"
    yield "requests", f"{requests:,}, {sum(one.retries for one in last):,} of them repeats"
    share = f" ({rejected / requests:.2%})" if requests else ""
    yield "rejected for the quota (429)", f"{rejected:,}{share}"
    if batches:
        yield "batches", f"{batches:,} of {sum(one.inputs for one in last) / batches:,.0f} inputs"
    if answered:
        yield "mean time to an answer", f"{sum(one.waited for one in last) / answered:.2f} s"
    for rest in rests:
        until = "now" if rest.resumed_at is None else _date(rest.resumed_at)
        yield "parked", f"{_date(rest.at)} to {until}"


def _plots(job: JobInfo, runs: Sequence[Sequence[Sample]], rests: Sequence[Park]) -> Iterator[str]:
    start = runs[0][0].at
    seconds = runs[-1][-1].at - start
    quota = quotas_of(job.arguments.get("quota", "free")).associations
    bands = [(rest.at - start, (rest.resumed_at or rest.resume_at) - start) for rest in rests]
    thinned = [_thinned(run, _POINTS // len(runs)) for run in runs]

    def rates(over: str, of: str | None = None) -> list[list[tuple[float, float]]]:
        """Give what a total grew by, a second or for each that another grew by."""
        parts = []
        for run in thinned:
            part = []
            for a, b in pairwise(run):
                more = getattr(b, over) - getattr(a, over)
                base = b.at - a.at if of is None else getattr(b, of) - getattr(a, of)
                if base > 0:
                    part.append((b.at - start, more / base))
            parts.append(part)
        return parts

    def drawn(title: str, *lines: Line, level: tuple[str, float] | None = None) -> str:
        return _section(title, plot(lines, seconds=seconds, level=level, bands=bands))

    done = [[(one.at - start, float(one.done)) for one in run] for run in thinned]
    failed = [[(one.at - start, float(one.failed)) for one in run] for run in thinned]
    lists = [Line("lists, on another quota", 3, rates("others"))]
    yield drawn(
        "Requests a second",
        Line("batches", 1, rates("batches"), area=True),
        *(lists if any(run[-1].others for run in runs) else ()),
        Line("rejected (429)", 2, rates("rate_limited")),
        level=(f"quota ({quota})", quota.limit / quota.seconds),
    )
    yield drawn("Seconds to an answer", Line("mean", 1, rates("waited", "answered")))
    yield drawn("Inputs a batch", Line("mean", 3, rates("inputs", "batches")))
    yield drawn("Done", Line("done", 3, done, area=True), Line("failed", 2, failed))


def _thinned(run: Sequence[Sample], most: int) -> Sequence[Sample]:
    """Leave out samples, but neither the first nor the last; those at the end can be too near."""
    stride = max(1, -(-len(run) // max(most, 2)))
    end = run[-1]
    kept = [one for one in run[:-1:stride] if end.at - one.at > _NEAR]
    return [*(kept or run[:1]), end] if len(run) > 1 else run


def _committed(job: JobInfo) -> int | None:
    """How many bytes of its file of failures a job has committed; None for the whole file.

    What is behind them may be half a line: the job writes on, or died as it wrote.
    """
    place = job.mark.positions.get(FAILURES)
    return None if job.state == "complete" else place["bytes"] if place else 0


def _failures(path: Path, most: int | None) -> str:
    """Count what failed in the first ``most`` bytes, and why."""
    decode, found = msgspec.json.Decoder(DeadLetter).decode, Counter[tuple[str, str, bool]]()
    examples: dict[tuple[str, str, bool], str] = {}
    with path.open("rb") as lines:
        for line in lines:
            if most is not None:
                most -= len(line)
                if most < 0:
                    break
            one = decode(line)
            key = one.category, one.sub_category or "", one.transient
            found[key] += 1
            examples.setdefault(key, one.message)
    rows = [
        f'<tr><td class="n">{number:,}</td><td>{escape(f"{category} {sub}")}</td>'
        f"<td>{'yes' if transient else 'no'}</td>"
        f"<td>{escape(examples[category, sub, transient][:200])}</td></tr>"
        for (category, sub, transient), number in found.most_common(50)
    ]
    names = "category", "worth replaying", "one of them"
    head = "".join(f"<th>{name}</th>" for name in names)
    table = f'<table><tr><th class="n">number</th>{head}</tr>{"".join(rows)}</table>'
    return f'{table}<p class="soft">{escape(str(path))}</p>'


def _described(job: JobInfo) -> Iterator[tuple[str, str]]:
    spec = job.spec
    yield "from", spec.source
    yield "to", spec.target
    yield "API", f"{spec.api_version} at {spec.base_url}"
    yield from (
        (name.replace("_", " "), str(value)) for name, value in spec.options.items() if value
    )
    yield "begun", _date(job.created_at)
    yield "last change", _date(job.changed_at)
    if job.state == "parked" and job.resume_at is not None:
        yield "goes on", _date(job.resume_at)
    yield "journal", str(job.path)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _table(rows: Iterator[tuple[str, str]]) -> str:
    cells = (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{''.join(cells)}</table>"


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))


def _lasting(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return (
        f"{hours} h {rest // 60} min"
        if hours
        else f"{rest // 60} min {rest % 60} s"
        if rest >= 60
        else f"{seconds:.1f} s"
    )
