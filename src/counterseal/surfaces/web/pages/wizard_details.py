"""The certificate wizard, page 3: what the certificate says, what it is for, who is told by when; and Finish."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.agreement import CEMCapability
from counterseal.domain.channel import SCXType
from counterseal.domain.community import Community
from counterseal.domain.people import Permission
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.usage import Usage, UsageGroup
from counterseal.domain.wizard import FieldError, Preflight, check_respond_by
from counterseal.engine import drafts
from counterseal.engine.draft_record import Choices, Content, Source
from counterseal.engine.drafts import OpenDraft, chosen_usages
from counterseal.engine.field_errors import FieldErrors
from counterseal.engine.views import wizard as views
from counterseal.engine.views.wizard import Pick, WizardView, decrypting_in
from counterseal.kernel.finding import Severity
from counterseal.kernel.ids import AgreementId
from counterseal.surfaces.web import words
from counterseal.surfaces.web.forms import FieldProblem, Form
from counterseal.surfaces.web.lists import member
from counterseal.surfaces.web.pages.wizard import draft_of, problems, wizard_path
from counterseal.surfaces.web.visit import Visit, community_path, page
from counterseal.surfaces.web.words import plural
from counterseal.surfaces.web.zones import zone_choices

PICKS_SHOWN = 50
_NEED = Permission.CERTIFICATES


@dataclass(frozen=True, slots=True, kw_only=True)
class PickList:
    """One channel's partners as the filter shows them."""

    name: str
    shown: tuple[Pick, ...]
    fitting: tuple[Pick, ...]
    total: int
    picked: int
    search: str
    choice: str


def routes() -> list[Route]:
    return [page("/c/{community}/wizard/{draft}/details", details, permission=_NEED, methods=("GET", "POST"))]


def details(visit: Visit) -> Response:
    community = visit.community()
    found = draft_of(visit, community)
    if found.content.certificate is None:
        step = "fill" if found.content.source is Source.GENERATE else "import"
        return visit.go(wizard_path(community, found, step))
    if visit.request.method == "GET":
        return _page(visit, community, found, visit.query)
    form = visit.form
    view = _view(visit, community, found.content)
    picks = {"cem": view.cem, "scx": view.scx}
    choices = _choices(form, found.content.choices, picks)
    found = drafts.decide(visit.ports, visit.actor, found.draft.id, choices)
    if form.text("do") == "finish":
        return _finish(visit, community, found)
    return _page(visit, community, found, form)


def _view(visit: Visit, community: Community, content: Content) -> WizardView:
    certificate = content.certificate
    if certificate is None:
        raise AssertionError("page 3 comes after page 2")
    respond_by = _respond_by(content.choices, visit.now)
    with visit.ports.store.read() as reader:
        return views.review(
            reader,
            community,
            certificate,
            usages=chosen_usages(content.choices),
            scx_type=content.choices.scx_type,
            renews=content.renews,
            respond_by=respond_by if isinstance(respond_by, datetime) and content.choices.send else None,
            now=visit.now,
        )


def _respond_by(choices: Choices, now: datetime) -> datetime | FieldError:
    return check_respond_by(choices.date, choices.time, choices.time_zone, now=now)


def _choices(form: Form, before: Choices, picks: dict[str, tuple[Pick, ...]]) -> Choices:
    """What the form says now. Ticks of partners that its filter did not show are kept."""
    ticked = {name: _ticked(form, name, kept, picks[name]) for name, kept in (("cem", before.cem), ("scx", before.scx))}
    return Choices(
        groups=frozenset(g for g in UsageGroup if g.value in form.all("use")),
        advanced=form.flag("advanced"),
        usages=frozenset(u for u in Usage if u.value in form.all("usage")),
        send=form.flag("send"),
        cem=ticked["cem"],
        scx=ticked["scx"],
        scx_type=member(SCXType, form.text("scx_type")),
        date=form.text("respond_by_date")[:20],
        time=form.text("respond_by_time")[:20],
        time_zone=form.text("time_zone")[:64],
    )


def _ticked(form: Form, name: str, before: frozenset[AgreementId], picks: tuple[Pick, ...]) -> frozenset[AgreementId]:
    shown = {AgreementId(i) for i in form.all(f"{name}-shown")}
    possible = {p.id for p in picks}
    ticked = (before - shown) | {AgreementId(i) for i in form.all(name)}
    fitting = {p.id for p in _fitting(picks, form.text(f"{name}-q"), form.text(f"{name}-c"))}
    match form.text("pick"):
        case "cem-all" if name == "cem":
            ticked |= fitting
        case "scx-all" if name == "scx":
            ticked |= fitting
        case "cem-none" if name == "cem":
            ticked -= fitting
        case "scx-none" if name == "scx":
            ticked -= fitting
    return frozenset(ticked & possible)


def _fitting(picks: Sequence[Pick], search: str, choice: str) -> list[Pick]:
    words = search.casefold()
    return [
        p
        for p in picks
        if (not words or words in f"{p.candidate.partner.name}\n{p.candidate.agreement.partner_identity}".casefold())
        and (not choice or _known(p) == choice)
    ]


def _known(pick: Pick) -> str:
    if pick.preflight is not None:
        return pick.preflight.result.value
    return pick.candidate.capability.value if pick.candidate.capability else ""


def _list(name: str, picks: tuple[Pick, ...], ticked: frozenset[AgreementId], filters: Form) -> PickList:
    search, choice = filters.text(f"{name}-q"), filters.text(f"{name}-c")
    fitting = tuple(_fitting(picks, search, choice))
    return PickList(
        name=name,
        shown=fitting[:PICKS_SHOWN],
        fitting=fitting,
        total=len(picks),
        picked=sum(1 for p in picks if p.id in ticked),
        search=search,
        choice=choice,
    )


def _page(
    visit: Visit, community: Community, found: OpenDraft, filters: Form, errors: tuple[FieldProblem, ...] = ()
) -> Response:
    content = found.content
    choices = content.choices
    view = _view(visit, community, content)
    told = [p for p in (*view.cem, *view.scx) if p.id in choices.cem | choices.scx] if choices.send else []
    usages = chosen_usages(choices)
    respond_by = _respond_by(choices, visit.now)
    return visit.show(
        "wizard-3.html",
        here="community",
        community=community,
        status=422 if errors else 200,
        draft=found,
        certificate=content.certificate,
        chain=content.chain,
        view=view,
        choices=choices,
        lists=(_list("cem", view.cem, choices.cem, filters), _list("scx", view.scx, choices.scx, filters)),
        picked=choices.cem | choices.scx,
        told=told,
        decrypting=decrypting_in([p.candidate.agreement for p in told], usages),
        refused=any(f.severity is Severity.REFUSAL for f in view.findings),
        problems=errors,
        respond_by=respond_by,
        is_instant=isinstance(respond_by, datetime),
        told_words=_told_words(told, choices),
        usages=list(Usage),
        chosen=lambda usage: usage in usages,
        capabilities=[c for c in CEMCapability if c is not CEMCapability.OFF],
        preflights=list(Preflight),
        zones=zone_choices(choices.time_zone, community.time_zone),
    )


def _told_words(told: Sequence[Pick], choices: Choices) -> str:
    cem = sum(1 for p in told if p.preflight is None)
    scx = len(told) - cem
    kind = words.SCX_TYPES[choices.scx_type or SCXType.DELIVER]
    return ", ".join(t for t in (f"{cem} CEM" if cem else "", f"{scx} SCX {kind}" if scx else "") if t)


def _here(errors: tuple[FieldError, ...]) -> tuple[FieldError, ...]:
    """Errors of earlier pages are shown at the certificate; one about several partners once."""
    moved = (replace(e, field="certificate") if e.field == "file" else e for e in errors)
    return tuple(dict.fromkeys(moved))


def _finish(visit: Visit, community: Community, found: OpenDraft) -> Response:
    choices = found.content.choices
    respond_by = _respond_by(choices, visit.now) if choices.send else None
    if isinstance(respond_by, FieldError):
        return _page(visit, community, found, visit.form, problems((respond_by,)))
    try:
        made = drafts.finish(visit.ports, visit.actor, found.draft.id, respond_by=respond_by)
    except FieldErrors as fault:
        return _page(visit, community, found, visit.form, problems(_here(fault.errors)))
    if isinstance(made, TrustRequest):
        count = plural(len(choices.cem | choices.scx), "partner")
        title = f"Stored, and on its way to {count}"
        text = "You can leave this page. Each partner changes over by itself when it has accepted."
        return visit.done(community_path(community, f"/sent/{made.number}"), title, text)
    path = community_path(community, f"/certificates/{made.fingerprint}")
    return visit.done(
        path, "Stored", "Its key is in the vault. Nobody was told; send it to partners when you are ready."
    )
