"""Our TLS listeners: what each presents, and another certificate for one of them."""

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.people import Permission
from counterseal.domain.usage import Side
from counterseal.engine import listeners as engine
from counterseal.engine.views.names import CertificateName, Names, gather
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import Fingerprint, ListenerId
from counterseal.surfaces.web.forms import Problems
from counterseal.surfaces.web.rendering import FormState, problems_of
from counterseal.surfaces.web.visit import Visit, community_path, page
from counterseal.surfaces.web.words import sentence

NAMES: Final = {
    engine.OFTP2_LISTENER: ("OFTP2 with TLS", "--oftp2-tls-port"),
    engine.AS2_LISTENER: ("AS2 with TLS", "--public-tls-port"),
}
"""What people call it, and the setting that opens it."""


def routes() -> list[Route]:
    return [
        page("/c/{community}/listeners", listeners, permission=Permission.VIEW),
        page("/c/{community}/listeners", present, permission=Permission.CONFIGURE, methods=("POST",)),
    ]


def listeners(visit: Visit) -> Response:
    return _show(visit, Problems())


def present(visit: Visit) -> Response:
    """Raises ``NotFound`` for a listener that there is not."""
    community, form, problems = visit.community(), visit.form, Problems()
    listener_id, fingerprint = ListenerId(form.text("listener")), Fingerprint(form.text("certificate"))
    if not fingerprint:
        problems.add(f"certificate-{listener_id}", "Certificate", "Choose one.")
        return _show(visit, problems)
    try:
        engine.assign(visit.ports, visit.actor, community.id, fingerprint, listener_id)
    except CallerFault as fault:
        problems.add(f"certificate-{listener_id}", "Certificate", sentence(fault.detail))
        return _show(visit, problems)
    return visit.done(
        community_path(community, "/listeners"),
        f"{NAMES[listener_id][0]} presents another certificate",
        "It holds from the next connection on; sessions under way keep the one that they began with.",
    )


def _show(visit: Visit, problems: Problems) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        names = gather(reader, community)
        found = {i: engine.presented(reader, i) for i in engine.LISTENERS}
    values = {f"certificate-{i}": held.fingerprint for i, held in found.items() if held is not None}
    return visit.show(
        "listeners.html",
        here="listeners",
        community=community,
        status=422 if problems else 200,
        rows=[(i, *NAMES[i], found[i]) for i in engine.LISTENERS],
        choices=_choices(visit, names),
        form=FormState(values=values, problems=problems_of(problems)),
    )


def _choices(visit: Visit, names: Names) -> list[CertificateName]:
    """Ours, with a key, still valid."""
    ours = [h for h in names.certificates.values() if h.side is Side.OURS and h.key_id is not None]
    return [names.certificate(h.fingerprint) for h in ours if h.certificate.not_after > visit.now]
