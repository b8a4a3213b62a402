"""Receipts that wait for a person: the file is released, or rejected with a reason."""

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.people import Permission
from counterseal.engine.oftp2 import deciding
from counterseal.engine.views.documents import DocumentView
from counterseal.surfaces.web.forms import Problems
from counterseal.surfaces.web.pages.documents import view_of
from counterseal.surfaces.web.rendering import FormState, problems_of
from counterseal.surfaces.web.visit import Visit, community_path, page

MOST_CHARACTERS: Final = 900
_NEED: Final = Permission.DOCUMENTS
_BOTH: Final = ("GET", "POST")


def routes() -> list[Route]:
    base = "/c/{community}/documents/{document}"
    return [
        page(f"{base}/release-receipt", release, permission=_NEED, methods=_BOTH),
        page(f"{base}/reject-receipt", reject, permission=_NEED, methods=_BOTH),
    ]


def release(visit: Visit) -> Response:
    view = view_of(visit)
    if visit.request.method == "POST":
        deciding.release(visit.ports, visit.actor, view.document.id)
        return visit.done(_path(visit, view), "Released", "The EERP leaves in this session with them or in the next.")
    return _ask(
        visit,
        view,
        "confirm.html",
        last="Release",
        question=f"Release the receipt for {_name(view)}?",
        happens=[
            ("complete", f"{_partner(view)} gets an EERP: to them the file is delivered, and the matter is settled."),
            ("in", "The file lies in the inbox since it came; nothing happens to it now."),
            ("warning", "An EERP cannot be called back."),
        ],
        button="Release the receipt",
    )


def reject(visit: Visit) -> Response:
    view = view_of(visit)
    problems = Problems()
    reason = visit.form.text("reason")
    if visit.request.method == "POST":
        if not reason:
            problems.add("reason", "Reason", "No reason is given. Say why: the partner reads it.")
        elif len(reason) > MOST_CHARACTERS:
            problems.add("reason", "Reason", f"The reason is too long. Use at most {MOST_CHARACTERS} characters.")
        else:
            deciding.reject(visit.ports, visit.actor, view.document.id, reason=reason)
            return visit.done(
                _path(visit, view), "Rejected", "The NERP leaves in this session with them or in the next."
            )
    return _ask(
        visit,
        view,
        "receipt-reject.html",
        last="Reject",
        question=f"Reject {_name(view)}?",
        happens=[
            ("rejected", f"{_partner(view)} gets a NERP with your reason: to them the file is not accepted."),
            ("document", "The file stays here, and is marked as refused."),
            ("warning", "A NERP cannot be called back. They have to send the file again."),
        ],
        button="Reject the file",
        danger=True,
        status=422 if problems else 200,
        form=FormState(values={"reason": reason}, problems=problems_of(problems)),
        most=MOST_CHARACTERS,
    )


def _ask(visit: Visit, view: DocumentView, template: str, *, status: int = 200, **values: object) -> Response:
    community, path = visit.community(), _path(visit, view)
    if not view.receipt_held:
        raise deciding.NoReceiptHeld(f"the receipt for {_name(view)} does not wait for a decision")
    return visit.show(
        template,
        here="documents",
        community=community,
        status=status,
        crumbs=[("Documents", community_path(community, "/documents")), (_name(view), path)],
        keep=path,
        **values,
    )


def _path(visit: Visit, view: DocumentView) -> str:
    return community_path(visit.community(), f"/documents/{view.document.id}")


def _name(view: DocumentView) -> str:
    return view.document.file_name or "this file"


def _partner(view: DocumentView) -> str:
    return view.agreement.partner_name if view.agreement else "The partner"
