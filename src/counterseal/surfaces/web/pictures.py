"""Where things stand in a picture, as percentages: SVG attributes, so that pages need no inline style."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.exchange import ExchangeState
from counterseal.engine.views.home import URGENT, WEEKS, HomeView, Week
from counterseal.engine.views.sent import TrustRequestView
from counterseal.surfaces.web.states import Tone
from counterseal.surfaces.web.words import Times

ROW: Final = 41
_TOP: Final = 38


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryBar:
    title: str
    note: str
    width: float
    tone: Tone
    prepared: bool
    y: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekBar:
    label: str
    spoken: str
    ending: int
    solid: float
    """Height of the part with nothing prepared, in percent."""
    hollow: float
    urgent: bool
    link_until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    height: int
    months: tuple[Mark, ...]
    bars: tuple[ExpiryBar, ...]
    weeks: tuple[WeekBar, ...]
    spoken: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    x: float
    y: int
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The life of a trust request from sending to the end that comes last."""

    dots: tuple[Dot, ...]
    today: float | None
    limit: float
    begin_label: str
    limit_label: str
    end_label: str
    spoken: str


def expiry(home: HomeView, times: Times) -> Expiry:
    whole = timedelta(weeks=WEEKS)
    bars = tuple(
        ExpiryBar(
            title=row.title,
            note=f"ends {times.week_day(row.held.certificate.not_after)}"
            + (
                f", {row.successor} is {'in use' if row.followed else 'staged'}"
                if row.successor
                else ", nothing is prepared"
            ),
            width=_percent(row.held.certificate.not_after - times.now, whole),
            tone=Tone.BAD if not row.successor and row.held.certificate.not_after - times.now <= URGENT else Tone.IDLE,
            prepared=bool(row.successor),
            y=_TOP + ROW * number,
        )
        for number, row in enumerate(home.ours)
    )
    return Expiry(
        height=_TOP + ROW * len(bars) - 12,
        months=tuple(_months(times, whole)),
        bars=bars,
        weeks=_week_bars(home.weeks, times),
        spoken="; ".join(f"{b.title} {b.note}" for b in bars),
    )


def _months(times: Times, whole: timedelta) -> Iterable[Mark]:
    start = times.local(times.now)
    year, month = start.year, start.month
    for _ in range(WEEKS // 4 + 1):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        begin = start.replace(year=year, month=month, day=1, hour=0, minute=0, second=0, microsecond=0)
        if begin - start < whole:
            yield Mark(x=_percent(begin - start, whole), label=f"1 {begin:%b}" + (f" {year}" if month == 1 else ""))


def _week_bars(weeks: Sequence[Week], times: Times) -> tuple[WeekBar, ...]:
    most = max((w.ending for w in weeks), default=0) or 1
    return tuple(
        WeekBar(
            label=times.week_day(w.begins),
            spoken=f"week of {times.week_day(w.begins)}: {w.ending} end, {w.ending - w.prepared} of them with nothing prepared",
            ending=w.ending,
            solid=100 * (w.ending - w.prepared) / most,
            hollow=100 * w.prepared / most,
            urgent=number < 2,
            link_until=(w.begins + timedelta(weeks=1)).isoformat(),
        )
        for number, w in enumerate(weeks)
    )


def timeline(view: TrustRequestView, times: Times) -> Timeline:
    request = view.request
    begin = request.created_at
    old_end = view.old.certificate.not_after if view.old else None
    answers = sorted(
        (line.exchange.answered_at, line.exchange.state) for line in view.lines if line.exchange.answered_at
    )
    ends = [request.respond_by, *(at for at, _ in answers), *([old_end] if old_end and old_end > begin else [])]
    end = max(ends)
    whole = max(end - begin, timedelta(minutes=1))
    today = _percent(times.now - begin, whole) if begin <= times.now <= end else None
    last = times.week_day(end) if end.year == begin.year else times.day(end)
    finish = "old certificate ends" if old_end == end else "last answer" if end != request.respond_by else ""
    return Timeline(
        dots=tuple(_dots(answers, begin, whole)),
        today=today,
        limit=_percent(request.respond_by - begin, whole),
        begin_label=times.week_day(begin),
        limit_label=times.week_day(request.respond_by),
        end_label=f"{finish} {last}" if finish else "",
        spoken=f"{len(answers)} answers since {times.week_day(begin)}, respond by {times.week_day(request.respond_by)}"
        + (f", {finish} {last}" if finish else ""),
    )


def _dots(answers: Sequence[tuple[datetime, ExchangeState]], begin: datetime, whole: timedelta) -> Iterable[Dot]:
    """Answers that would cover each other are stacked."""
    last, level = -10.0, 0
    for at, state in answers:
        x = max(0.6, _percent(at - begin, whole))
        level = min(level + 1, 3) if x - last < 1 else 0
        last = x
        tone = Tone.OK if state is ExchangeState.ACCEPTED else Tone.BAD
        yield Dot(x=x, y=40 - 8 * level, tone=tone)


def _percent(part: timedelta, whole: timedelta) -> float:
    return round(min(100.0, max(0.0, 100 * part / whole)), 2)
