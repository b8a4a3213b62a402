"""Give a certificate its use in an agreement by hand; take in one that a partner gave us."""

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.people import Permission
from counterseal.domain.usage import BY_PROTOCOL, Side, Usage
from counterseal.engine import certificates as engine
from counterseal.engine.views import community as views
from counterseal.engine.views.names import gather
from counterseal.kernel.errors import CallerFault, PeerFault
from counterseal.kernel.ids import AgreementId, Fingerprint
from counterseal.kernel.x509 import MAX_CERTIFICATE_BYTES
from counterseal.surfaces.web import words
from counterseal.surfaces.web.forms import Problems
from counterseal.surfaces.web.lists import member
from counterseal.surfaces.web.pages.configure import partner_of
from counterseal.surfaces.web.rendering import FormState, problems_of
from counterseal.surfaces.web.visit import Visit, community_path, page

_BOTH = ("GET", "POST")
_DEFAULT = frozenset({Usage.SIGN, Usage.ENCRYPT, Usage.FILE_SIGN, Usage.FILE_ENCRYPT, Usage.RECEIPT_SIGN})
_MAXIMUM_FILE_BYTES = 16 * MAX_CERTIFICATE_BYTES
"""A P7B with its chain."""


def routes() -> list[Route]:
    need = Permission.CERTIFICATES
    return [
        page("/c/{community}/agreements/{agreement}/assign", assign, permission=need, methods=_BOTH),
        page("/c/{community}/partners/{partner}/certificate", add_theirs, permission=need, methods=_BOTH),
    ]


def assign(visit: Visit) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        view = views.agreement(reader, community, AgreementId(visit.path("agreement")))
        names = gather(reader, community)
    sent = visit.form if visit.request.method == "POST" else visit.query
    side = member(Side, sent.text("side")) or Side.OURS
    partner = view.agreement.partner_id
    choices = [
        h
        for h in names.certificates.values()
        if h.side is side and (side is Side.OURS or h.partner_id in {None, partner})
        if h.certificate.not_after > visit.now
    ]
    usages = [u for u in Usage if u in BY_PROTOCOL[view.agreement.protocol]]
    problems = Problems()
    if visit.request.method == "POST":
        chosen = frozenset(u for u in usages if u.value in sent.all("usage"))
        fingerprint = sent.text("certificate")
        if fingerprint not in {h.fingerprint for h in choices}:
            problems.add("certificate", "Certificate", "Choose one.")
        if not chosen:
            problems.add("usage", "Usages", "Tick at least one.")
        if not problems:
            try:
                engine.assign(
                    visit.ports,
                    visit.actor,
                    view.agreement.id,
                    side=side,
                    usages=chosen,
                    fingerprint=Fingerprint(fingerprint),
                )
            except CallerFault as fault:
                problems.add("certificate", "Certificate", words.sentence(fault.detail))
            else:
                path = community_path(community, f"/agreements/{view.agreement.id}")
                title = f"{names.title(Fingerprint(fingerprint))} is active for {', '.join(u for u in usages if u in chosen)}"
                return visit.done(
                    path, title, "The one before it, if any, is retiring: still accepted, never used to send."
                )
    ticked = frozenset(sent.all("usage")) or frozenset(u.value for u in usages if u in _DEFAULT)
    return visit.show(
        "assign.html",
        here="community",
        community=community,
        status=422 if problems else 200,
        view=view,
        side=side,
        choices=[(h, names.title(h.fingerprint)) for h in choices],
        usages=usages,
        form=FormState(
            values={"certificate": sent.text("certificate")},
            chosen={"usage": ticked},
            problems=problems_of(problems),
        ),
    )


def add_theirs(visit: Visit) -> Response:
    community = visit.community()
    partner = partner_of(visit, community)
    problems = Problems()
    if visit.request.method == "POST":
        upload, pasted = visit.form.file("file"), visit.form.text("pem")
        content = upload.content(most=_MAXIMUM_FILE_BYTES) if upload else pasted.encode()
        if not content:
            problems.add("file", "File", "Choose a file, or paste the certificate below.")
        elif len(content) > _MAXIMUM_FILE_BYTES:
            problems.add(
                "file", "File", "That is larger than any certificate. Choose the .cer, .crt, .pem or .p7b file."
            )
        else:
            try:
                held = engine.add_partner_certificate(visit.ports, visit.actor, partner.id, content=content)
            except (CallerFault, PeerFault) as fault:
                problems.add("file" if upload else "pem", "Certificate", words.sentence(fault.detail))
            else:
                path = community_path(community, f"/partners/{partner.slug}")
                text = "Compare its fingerprint with theirs, then assign it in an agreement. Held is not trusted."
                return visit.done(path, f"{held.certificate.common_name} is held", text)
    return visit.show(
        "certificate-new.html",
        here="community",
        community=community,
        status=422 if problems else 200,
        partner=partner,
        form=FormState(values={"pem": visit.form.text("pem")}, problems=problems_of(problems)),
    )
