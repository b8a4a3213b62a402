"""Send a document, send it again, cancel it, take its payload."""

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.agreement import Agreement
from counterseal.domain.people import Permission
from counterseal.domain.usage import Protocol
from counterseal.domain.virtual_file import VirtualFile
from counterseal.engine import documents as engine
from counterseal.engine.oftp2.wishes import FileWishes
from counterseal.engine.views.names import gather
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import AgreementId
from counterseal.surfaces.web.forms import Form, Problems
from counterseal.surfaces.web.pages.documents import attachment, view_of
from counterseal.surfaces.web.pages.people import sentence
from counterseal.surfaces.web.rendering import FormState, problems_of
from counterseal.surfaces.web.visit import Visit, community_path, page

_NEED = Permission.DOCUMENTS
_BOTH = ("GET", "POST")


def routes() -> list[Route]:
    base = "/c/{community}/documents"
    return [
        page(f"{base}/new", send, permission=_NEED, methods=_BOTH),
        page(f"{base}/{{document}}/resend", resend, permission=_NEED, methods=_BOTH),
        page(f"{base}/{{document}}/cancel", cancel, permission=_NEED, methods=_BOTH),
        page(f"{base}/{{document}}/payload", payload, permission=_NEED),
    ]


def send(visit: Visit) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        names = gather(reader, community)
    choices = sorted(
        (n for a in names.agreements.values() if a.active and (n := names.agreement(a.id))),
        key=lambda n: (n.partner_name.casefold(), n.partner_identity),
    )
    form, problems = visit.form, Problems()
    if visit.request.method == "POST":
        upload = form.file("file")
        wanted = form.text("agreement")
        if wanted not in {c.id for c in choices}:
            problems.add("agreement", "To", "Choose a partner.")
        if upload is None:
            problems.add("file", "File", "No file is chosen. Take the document to send.")
        if not problems and upload is not None:
            try:
                made = engine.send(
                    visit.ports,
                    visit.actor,
                    AgreementId(wanted),
                    content=upload.chunks(),
                    file_name=upload.name,
                    content_type=form.text("content_type") or None,
                    subject=form.text("subject") or None,
                    virtual_file=_file(names.agreements[AgreementId(wanted)], form, upload.name),
                )
            except CallerFault as fault:
                problems.add("agreement", "To", sentence(fault))
            else:
                path = community_path(community, f"/documents/{made.id}")
                return visit.done(
                    path, "Stored, and on its way", "It is durable; this page shows its receipt as soon as it comes."
                )
    sent = form if visit.request.method == "POST" else visit.query
    values = {name: sent.text(name) for name in ("agreement", "subject", "content_type", "dataset_name", "description")}
    return visit.show(
        "send.html",
        here="documents",
        community=community,
        status=422 if problems else 200,
        choices=choices,
        form=FormState(values=values, problems=problems_of(problems)),
    )


def _file(agreement: Agreement, form: Form, file_name: str) -> VirtualFile | None:
    """OFTP2: what the form asks for. Raises ``InvalidVirtualFile``."""
    if agreement.protocol is not Protocol.OFTP2:
        return None
    wishes = FileWishes(dataset_name=form.text("dataset_name"), description=form.text("description"))
    return wishes.file(agreement, file_name)


def resend(visit: Visit) -> Response:
    view = view_of(visit)
    path = community_path(visit.community(), f"/documents/{view.document.id}")
    if visit.request.method == "POST":
        engine.resend(visit.ports, visit.actor, view.document.id)
        return visit.done(path, "Queued again", "It leaves in a moment.")
    return _confirm(
        visit,
        path,
        last="Resend",
        question=f"Send {view.document.file_name or 'this document'} again?",
        happens=[
            ("out", "The document goes out to the partner once more, with the same message id and bytes."),
            (
                "note",
                "A partner that had taken it before recognises it as a duplicate and answers with the stored receipt.",
            ),
        ],
        button="Send it again",
    )


def cancel(visit: Visit) -> Response:
    view = view_of(visit)
    path = community_path(visit.community(), f"/documents/{view.document.id}")
    if visit.request.method == "POST":
        engine.cancel(visit.ports, visit.actor, view.document.id)
        return visit.done(path, "Cancelled", "It is not sent any more. The payload stays here.")
    return _confirm(
        visit,
        path,
        last="Cancel",
        question=f"Cancel {view.document.file_name or 'this document'}?",
        happens=[
            ("withdrawn", "No further attempt is made."),
            ("warning", "What has left already cannot be called back."),
            ("document", "The payload and its story stay on this page."),
        ],
        button="Cancel this document",
        danger=True,
    )


def payload(visit: Visit) -> Response:
    view = view_of(visit)
    chunks = engine.payload(visit.ports, visit.actor, view.document.id)
    return attachment(chunks, name=view.document.file_name or view.document.id, size=view.document.size)


def _confirm(
    visit: Visit,
    path: str,
    *,
    last: str,
    question: str,
    happens: list[tuple[str, str]],
    button: str,
    danger: bool = False,
) -> Response:
    community = visit.community()
    return visit.show(
        "confirm.html",
        here="documents",
        community=community,
        crumbs=[("Documents", community_path(community, "/documents")), ("Document", path)],
        last=last,
        question=question,
        happens=happens,
        button=button,
        danger=danger,
        keep=path,
    )
