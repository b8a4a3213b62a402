"""What can be done with a sent trust request: every action shows first what happens to whom, then does exactly that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.people import Permission
from counterseal.domain.wizard import FieldError, check_respond_by
from counterseal.engine import trust_requests
from counterseal.engine.field_errors import FieldErrors
from counterseal.engine.views.sent import Line, LineAction, TrustRequestView
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import ExchangeId
from counterseal.surfaces.web.forms import FieldProblem
from counterseal.surfaces.web.pages.sent import line_of, view_of
from counterseal.surfaces.web.pages.wizard import problems
from counterseal.surfaces.web.rendering import FormState
from counterseal.surfaces.web.visit import Visit, community_path, page
from counterseal.surfaces.web.words import plural
from counterseal.surfaces.web.zones import zone_choices

_NEED = Permission.CERTIFICATES
_BOTH = ("GET", "POST")
_MAXIMUM_REASON: Final = 999

Happens = tuple[tuple[str, str], ...]


def routes() -> list[Route]:
    base = "/c/{community}/sent/{number:int}"
    return [
        page(f"{base}/remind", remind, permission=_NEED, methods=_BOTH),
        page(f"{base}/resend", resend, permission=_NEED, methods=_BOTH),
        page(f"{base}/switch-now", switch_now, permission=_NEED, methods=_BOTH),
        page(f"{base}/switch-back", switch_back, permission=_NEED, methods=_BOTH),
        page(f"{base}/withdraw-line", withdraw_line, permission=_NEED, methods=_BOTH),
        page(f"{base}/withdraw", withdraw, permission=_NEED, methods=_BOTH),
        page(f"{base}/record", record, permission=_NEED, methods=_BOTH),
        page(f"{base}/date", change_date, permission=_NEED, methods=_BOTH),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One confirmation page over some lines of a request."""

    view: TrustRequestView
    lines: tuple[Line, ...]
    path: str

    @property
    def ids(self) -> tuple[ExchangeId, ...]:
        return tuple(line.exchange.id for line in self.lines)

    @property
    def who(self) -> str:
        return self.lines[0].partner_name if len(self.lines) == 1 else plural(len(self.lines), "partner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    last: str
    title: str
    happens: Happens
    button: str
    danger: bool = False
    fields: dict[str, object] = field(default_factory=dict)


def _asked(visit: Visit, action: LineAction) -> Asked:
    """The lines that the page shows, or that its form brought back: exactly those are acted on."""
    view = view_of(visit)
    community = visit.community()
    wanted = visit.form.all("line") or visit.query.all("line")
    lines = tuple(line_of(view, i) for i in wanted) if wanted else view.with_action(action)
    path = community_path(community, f"/sent/{view.request.number}")
    return Asked(view=view, lines=tuple(line for line in lines if action in line.actions), path=path)


def _ask(
    visit: Visit,
    asked: Asked,
    question: Question,
    *,
    template: str = "confirm.html",
    form: FormState | None = None,
) -> Response:
    request = asked.view.request
    figures = asked.view.progress
    community = visit.community()
    return visit.show(
        template,
        here="sent",
        community=community,
        status=422 if form and form.problems else 200,
        crumbs=[("Sent", community_path(community, "/sent")), (f"Request {request.number}", asked.path)],
        last=question.last,
        question=question.title,
        meta=f"{asked.view.new.certificate.title}, {figures.answered} of {figures.total} answered.",
        happens=question.happens,
        names=[line.partner_name for line in asked.lines] if len(asked.lines) > 1 else [],
        hidden=[("line", line.exchange.id) for line in asked.lines],
        button=question.button,
        danger=question.danger,
        keep=asked.path,
        form=form or FormState(),
        **question.fields,
    )


def _nobody(visit: Visit, asked: Asked) -> Response:
    return visit.done(
        asked.path, "Nothing was done", "No partner is in a state in which this would mean something now."
    )


def _each(lines: Sequence[Line], act: Callable[[ExchangeId], object]) -> tuple[list[Line], list[tuple[Line, str]]]:
    """Acts on each line for itself: one refusal does not stop the others, and each is told."""
    done: list[Line] = []
    refused: list[tuple[Line, str]] = []
    for line in lines:
        try:
            act(line.exchange.id)
            done.append(line)
        except CallerFault as fault:
            refused.append((line, fault.detail))
    return done, refused


def remind(visit: Visit) -> Response:
    asked = _asked(visit, LineAction.REMIND)
    if not asked.lines:
        return _nobody(visit, asked)
    if visit.request.method == "POST":
        trust_requests.remind(visit.ports, visit.actor, asked.ids)
        return visit.done(
            asked.path, f"{asked.who} will be reminded", "The request leaves again, with the same request id."
        )
    question = Question(
        last="Remind",
        title=f"Remind {asked.who}?",
        happens=(
            ("out", "The request is sent again with the same request id, as CEM wants it for a reminder."),
            ("open", "The respond-by date stays. An answer to either message counts."),
        ),
        button=f"Remind {asked.who}",
    )
    return _ask(visit, asked, question)


def resend(visit: Visit) -> Response:
    asked = _asked(visit, LineAction.RESEND)
    if not asked.lines:
        return _nobody(visit, asked)
    if visit.request.method == "POST":
        trust_requests.resend(visit.ports, visit.actor, asked.ids)
        return visit.done(
            asked.path, f"Queued again for {asked.who}", "It leaves in a moment; this page shows how far it is."
        )
    question = Question(
        last="Resend",
        title=f"Send the request again to {asked.who}?",
        happens=(
            ("out", "The same certificate is offered again over the same channel, with the same request id."),
            ("queued", "The line goes back to queued. An earlier rejection or failure stays in the audit record."),
        ),
        button=f"Resend to {asked.who}",
    )
    return _ask(visit, asked, question)


def switch_now(visit: Visit) -> Response:
    asked = _asked(visit, LineAction.SWITCH_NOW)
    if not asked.lines:
        return _nobody(visit, asked)
    if visit.request.method == "POST":
        done, refused = _each(asked.lines, lambda i: trust_requests.switch_now(visit.ports, visit.actor, i))
        return _told(visit, asked, done, refused, "the new certificate from the next message on")
    waiting = [line for line in asked.lines if line.exchange.answered_at is None]
    happens: list[tuple[str, str]] = [
        ("swap", "From the next message on we sign for them with the new certificate."),
        ("key", "Both keys keep decrypting. The old certificate is retiring and can be switched back to."),
    ]
    if waiting:
        text = f"{plural(len(waiting), 'partner has', 'partners have')} not accepted yet: they may not be able to verify our messages."
        happens.insert(0, ("warning", text))
    question = Question(
        last="Switch now",
        title=f"Switch {asked.who} to the new certificate now?",
        happens=tuple(happens),
        button=f"Switch {asked.who} now",
        danger=bool(waiting),
    )
    return _ask(visit, asked, question)


def switch_back(visit: Visit) -> Response:
    asked = _asked(visit, LineAction.SWITCH_BACK)
    if not asked.lines:
        return _nobody(visit, asked)
    if visit.request.method == "POST":
        done, refused = _each(asked.lines, lambda i: trust_requests.switch_back(visit.ports, visit.actor, i))
        return _told(visit, asked, done, refused, "back on the old certificate")
    question = Question(
        last="Switch back",
        title=f"Switch {asked.who} back to the old certificate?",
        happens=(
            ("withdrawn", "From the next message on we sign for them with the old certificate again."),
            ("key", "Both keys keep decrypting; whatever they encrypt can be read."),
            ("accepted", "This can be undone: switch to the new one again."),
        ),
        button=f"Switch {asked.who} back",
    )
    return _ask(visit, asked, question)


def _told(visit: Visit, asked: Asked, done: Sequence[Line], refused: Sequence[tuple[Line, str]], what: str) -> Response:
    names = done[0].partner_name if len(done) == 1 else plural(len(done), "partner")
    text = " ".join(f"Not {line.partner_name}: {why}." for line, why in refused[:5])
    return visit.done(asked.path, f"{names}: {what}" if done else "Nothing was changed", text)


def withdraw_line(visit: Visit) -> Response:
    asked = _asked(visit, LineAction.WITHDRAW)
    if not asked.lines:
        return _nobody(visit, asked)
    if visit.request.method == "POST":
        done, refused = _each(asked.lines, lambda i: trust_requests.withdraw_exchange(visit.ports, visit.actor, i))
        return _told(visit, asked, done, refused, "withdrawn")
    question = Question(
        last="Withdraw",
        title=f"Withdraw the request for {asked.who}?",
        happens=(
            ("withdrawn", "They are not reminded any more. A late answer is recorded and changes nothing."),
            (
                "key",
                "They keep the certificate that we use for them now; the new key keeps decrypting."
                if any(line.switched_at for line in asked.lines)
                else "They keep the old certificate; the new key keeps decrypting.",
            ),
            ("failed", "This cannot be undone. They can be told again in a new request."),
        ),
        button=f"Withdraw for {asked.who}",
        danger=True,
    )
    return _ask(visit, asked, question)


def withdraw(visit: Visit) -> Response:
    asked = _asked(visit, LineAction.WITHDRAW)
    number = asked.view.request.number
    if visit.request.method == "POST":
        trust_requests.withdraw(visit.ports, visit.actor, asked.view.request.id)
        return visit.done(asked.path, f"Request {number} is withdrawn", "Late answers are recorded and change nothing.")
    changed = sum(1 for line in asked.view.lines if line.switched_at)
    happens: list[tuple[str, str]] = []
    if asked.lines:
        text = f"{plural(len(asked.lines), 'partner is', 'partners are')} no longer reminded. If they answer later, it is recorded and changes nothing."
        happens.append(("withdrawn", text))
    if changed:
        text = f"{plural(changed, 'partner keeps', 'partners keep')} the new certificate. To go back with them, switch them back first."
        happens.append(("complete", text))
    happens += [
        ("key", "Both keys keep decrypting."),
        ("failed", "This cannot be undone. You can send the same certificate again as a new request."),
    ]
    question = Question(
        last="Withdraw",
        title=f"Withdraw request {number}?",
        happens=tuple(happens),
        button=f"Withdraw request {number}",
        danger=True,
    )
    return _ask(visit, asked, question)


def record(visit: Visit) -> Response:
    """An answer that came by phone: for one partner, with what it said."""
    asked = _asked(visit, LineAction.RECORD)
    if len(asked.lines) != 1:
        return _nobody(visit, asked)
    line = asked.lines[0]
    answer, reason = visit.form.text("answer"), visit.form.text("reason")[:_MAXIMUM_REASON]
    errors: tuple[FieldProblem, ...] = ()
    if visit.request.method == "POST":
        errors = _answer_errors(answer, reason)
        if not errors:
            accepted = answer == "accepted"
            trust_requests.record_answer(visit.ports, visit.actor, line.exchange.id, accepted=accepted, reason=reason)
            text = "They change over by the rule of their agreement." if accepted else "Nothing changes for them."
            return visit.done(asked.path, f"Recorded: {line.partner_name} {answer}", text)
    question = Question(
        last="Record an answer",
        title=f"What did {line.partner_name} answer?",
        happens=(
            ("audit", "The answer is recorded with your name, as given by another way than the wire."),
            ("swap", "Accepted counts like an answer of their own: they change over by the rule of their agreement."),
            ("retired", "Rejected changes nothing for them; they stay on the old certificate."),
        ),
        button="Record the answer",
    )
    form = FormState(values={"answer": answer, "reason": reason}, problems=errors)
    return _ask(visit, asked, question, template="record.html", form=form)


def _answer_errors(answer: str, reason: str) -> tuple[FieldProblem, ...]:
    if answer not in {"accepted", "rejected"}:
        return (FieldProblem(field="answer", label="Answer", text="Choose what they said."),)
    if answer == "rejected" and not reason:
        return (
            FieldProblem(field="reason", label="Their words", text="Say why, as they put it; others will read it."),
        )
    return ()


def change_date(visit: Visit) -> Response:
    view = view_of(visit)
    asked = Asked(view=view, lines=(), path=community_path(visit.community(), f"/sent/{view.request.number}"))
    sent = visit.form if visit.request.method == "POST" else visit.query
    date, time, zone = sent.text("date"), sent.text("time"), sent.text("zone") or view.request.time_zone
    outcome = check_respond_by(date, time, zone, now=visit.now)
    errors = _date_problems((outcome,)) if isinstance(outcome, FieldError) else ()
    if visit.request.method == "POST" and not isinstance(outcome, FieldError):
        try:
            trust_requests.change_respond_by(
                visit.ports, visit.actor, view.request.id, respond_by=outcome, time_zone=zone
            )
        except FieldErrors as fault:
            errors = _date_problems(fault.errors)
        else:
            return visit.done(
                asked.path,
                "The respond-by date is changed",
                "It counts from now on for everybody who has not answered.",
            )
    times = visit.times(visit.community())
    words = times.long(outcome) if not isinstance(outcome, FieldError) else ""
    question = Question(
        last="Respond-by date",
        title="Change the respond-by date?",
        happens=(
            ("overdue", f"From {times.long(view.request.respond_by)} to {words or 'the date below'}."),
            (
                "open",
                f"It counts for the {plural(view.progress.waiting, 'partner')} without an answer; those who have answered are not touched.",
            ),
            ("swap", "Partners whose rule changes them over at the date change at the new one."),
        ),
        button="Change the date",
        fields={"zones": zone_choices(zone, view.request.time_zone)},
    )
    form = FormState(values={"date": date, "time": time, "zone": zone}, problems=errors)
    return _ask(visit, asked, question, template="date.html", form=form)


def _date_problems(errors: tuple[FieldError, ...]) -> tuple[FieldProblem, ...]:
    names = {"respond_by_date": "date", "respond_by_time": "time", "time_zone": "zone"}
    return tuple(FieldProblem(field=names.get(p.field, p.field), label=p.label, text=p.text) for p in problems(errors))
