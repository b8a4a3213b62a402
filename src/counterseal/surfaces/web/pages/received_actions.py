"""Accept or reject what a partner offered."""

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.people import Permission
from counterseal.engine import offers, replacement
from counterseal.engine.views.received import OfferedView, OfferView
from counterseal.kernel.errors import CallerFault
from counterseal.surfaces.web import words
from counterseal.surfaces.web.cookies import Notice
from counterseal.surfaces.web.forms import FieldProblem
from counterseal.surfaces.web.pages.people import sentence
from counterseal.surfaces.web.pages.received import offer_of, show_offer
from counterseal.surfaces.web.rendering import FormState
from counterseal.surfaces.web.states import Tone
from counterseal.surfaces.web.visit import Visit, page
from counterseal.surfaces.web.words import plural

_MAXIMUM_REASON = 999


def routes() -> list[Route]:
    return [
        page("/c/{community}/received/{offer}", decide, permission=Permission.CERTIFICATES, methods=("POST",)),
        page("/c/{community}/received/{offer}/undo", undo, permission=Permission.CERTIFICATES, methods=("POST",)),
    ]


def undo(visit: Visit) -> Response:
    """The certificate that an accepted Replace ended comes back."""
    view = offer_of(visit)
    path = visit.request.url.path.removesuffix("/undo")
    try:
        replacement.undo(visit.ports, visit.actor, view.offer.id)
    except CallerFault as fault:
        return visit.go(path, Notice(title="Nothing was taken back", text=words.sentence(fault.detail), tone=Tone.WARN))
    return visit.done(path, "The old certificate is back", "The new one goes on being accepted. Nobody was told.")


def decide(visit: Visit) -> Response:
    view = offer_of(visit)
    pending = view.pending
    if not pending:
        return visit.done(visit.request.url.path, "It was decided already", "A decision is taken once.")
    answers = _answers(visit, view)
    errors = _errors(answers, one=len(pending) == 1)
    if not errors:
        try:
            return _carry_out(visit, view, answers)
        except CallerFault as fault:
            errors = (FieldProblem(field="main", label="Decision", text=sentence(fault)),)
    values = {name: found[-1] for name, found in visit.form.texts.items() if name != "csrf"}
    return show_offer(visit, view, FormState(values=values, problems=errors), status=422)


Answer = tuple[OfferedView, bool, str]


def _answers(visit: Visit, view: OfferView) -> list[Answer]:
    """Each pending certificate with yes or no and the reason."""
    form = visit.form
    if len(view.pending) == 1:
        only = view.pending[0]
        return [(only, form.text("decision") == "accept", form.text("reason")[:_MAXIMUM_REASON])]
    return [
        (
            c,
            form.text(f"d-{c.offered.id}") == "accept" and c.can_be_accepted,
            form.text(f"why-{c.offered.id}")[:_MAXIMUM_REASON],
        )
        for c in view.pending
    ]


def _errors(answers: list[Answer], *, one: bool) -> tuple[FieldProblem, ...]:
    return tuple(
        FieldProblem(
            field="reason" if one else f"why-{c.offered.id}",
            label=f"Reason for {c.title}",
            text="Say why, so that they know what to do. It goes out with the answer.",
        )
        for c, accepted, reason in answers
        if not accepted and not reason
    )


def _carry_out(visit: Visit, view: OfferView, answers: list[Answer]) -> Response:
    """Rejections first: they change nothing, whatever becomes of the rest."""
    path = visit.request.url.path
    yes = tuple(c.offered.id for c, accepted, _ in answers if accepted)
    no = len(answers) - len(yes)
    for c, accepted, reason in answers:
        if not accepted:
            offers.reject(visit.ports, visit.actor, view.offer.id, offered_ids=(c.offered.id,), reason=reason)
    if yes:
        try:
            offers.accept(visit.ports, visit.actor, view.offer.id, offered_ids=yes)
        except CallerFault as fault:
            if not no:
                raise
            title = f"{plural(no, 'certificate')} rejected, the others not accepted"
            return visit.go(path, Notice(title=title, text=words.sentence(fault.detail), tone=Tone.WARN))
    if yes and offer_of(visit).pending:
        text = "Nothing changes before a second person accepts too."
        return visit.done(path, "You have accepted as the first of two", text)
    counted = [(len(yes), "accepted"), (no, "rejected")]
    title = ", ".join(f"{plural(count, 'certificate')} {what}" for count, what in counted if count)
    return visit.done(path, title, f"The answer is on its way to {view.partner_name}.")
