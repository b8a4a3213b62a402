"""The certificate wizard, pages 1 and 2: where the certificate comes from, and what it says."""

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.community import Community
from counterseal.domain.people import Permission
from counterseal.domain.wizard import DEFAULT_MONTHS, KEY_CHOICES, PURPOSE_CHOICES, CertificateFields, FieldError
from counterseal.domain.wizard.fields import months_later
from counterseal.engine import drafts
from counterseal.engine.draft_record import Source
from counterseal.engine.drafts import OpenDraft
from counterseal.engine.views import wizard as views
from counterseal.kernel.ids import DraftId, Fingerprint
from counterseal.surfaces.web.forms import FieldProblem, Form
from counterseal.surfaces.web.lists import member
from counterseal.surfaces.web.rendering import FormState
from counterseal.surfaces.web.visit import Visit, community_path, owned, page

_BOTH = ("GET", "POST")
_NEED = Permission.CERTIFICATES
KEYS = {
    "rsa-2048": "RSA 2048",
    "rsa-3072": "RSA 3072",
    "rsa-4096": "RSA 4096",
    "ec-p256": "EC P-256",
    "ec-p384": "EC P-384",
}
DIGESTS = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
KEY_USAGES = {
    "digitalSignature": "Digital signature",
    "nonRepudiation": "Non-repudiation",
    "keyEncipherment": "Key encipherment",
    "dataEncipherment": "Data encipherment",
    "keyAgreement": "Key agreement",
}
PURPOSES = {"serverAuth": "TLS server", "clientAuth": "TLS client", "emailProtection": "E-mail protection"}
LABELS = {
    "common_name": "Common name",
    "organisation": "Organisation",
    "unit": "Unit",
    "city": "City",
    "state": "State",
    "country": "Country",
    "email": "E-mail",
    "dns_names": "Alternative names",
    "key": "Key",
    "digest": "Signature digest",
    "valid_months": "Months",
    "valid_until": "Valid until",
    "key_usage": "Key usage",
    "extended_key_usage": "Extended key usage",
    "file": "File",
    "password": "Its password",
    "certificate": "Certificate",
    "usages": "The use",
    "partners": "Partners",
    "respond_by_date": "Respond by, date",
    "respond_by_time": "Respond by, time",
    "time_zone": "Time zone",
    "scx_type": "SCX message type",
}


STEPS = {Source.GENERATE: "fill", Source.IMPORT: "import", Source.STORED: "details"}
"""Which page follows the first."""


def routes() -> list[Route]:
    return [
        page("/c/{community}/wizard", choose, permission=_NEED, methods=_BOTH),
        page("/c/{community}/wizard/{draft}/choose", choose_again, permission=_NEED, methods=_BOTH),
        page("/c/{community}/wizard/{draft}/fill", fill, permission=_NEED, methods=_BOTH),
        page("/c/{community}/wizard/{draft}/import", import_file, permission=_NEED, methods=_BOTH),
        page("/c/{community}/wizard/{draft}/cancel", cancel, permission=_NEED, methods=("POST",)),
    ]


def wizard_path(community: Community, draft: OpenDraft, step: str) -> str:
    return community_path(community, f"/wizard/{draft.draft.id}/{step}")


def draft_of(visit: Visit, community: Community) -> OpenDraft:
    """The run that the address names. Raises ``NotFound`` when it is over."""
    found = drafts.read(visit.ports, visit.actor, DraftId(visit.path("draft")))
    owned(community, found.draft.community_id, "run of the wizard")
    return found


def problems(errors: tuple[FieldError, ...]) -> tuple[FieldProblem, ...]:
    return tuple(FieldProblem(field=e.field, label=LABELS.get(e.field, e.field), text=e.text) for e in errors)


# page 1


def choose(visit: Visit) -> Response:
    community = visit.community()
    if visit.request.method == "POST":
        return _chosen(visit, community, None)
    source = Source.GENERATE.value
    return _choose_page(visit, community, source=source, renews=visit.query.text("renews"), draft=None)


def choose_again(visit: Visit) -> Response:
    community = visit.community()
    found = draft_of(visit, community)
    if visit.request.method == "POST":
        return _chosen(visit, community, found)
    renews = found.content.renews or ""
    return _choose_page(visit, community, source=found.content.source.value, renews=renews, draft=found)


def _chosen(visit: Visit, community: Community, found: OpenDraft | None) -> Response:
    source = member(Source, visit.form.text("source"))
    renews = Fingerprint(visit.form.text("renews")) if visit.form.text("renews") else None
    if source is None:
        error = FieldProblem(field="source", label="Where it comes from", text="Choose one of the two.")
        return _choose_page(visit, community, source="", renews=renews or "", draft=found, errors=(error,))
    if found is None:
        made = drafts.start(visit.ports, visit.actor, community.id, source=source, renews=renews)
    else:
        made = drafts.choose(visit.ports, visit.actor, found.draft.id, source=source, renews=renews)
    return visit.go(wizard_path(community, made, STEPS[source]))


def _choose_page(
    visit: Visit,
    community: Community,
    *,
    source: str,
    renews: str,
    draft: OpenDraft | None,
    errors: tuple[FieldProblem, ...] = (),
) -> Response:
    with visit.ports.store.read() as reader:
        rows = views.renewable(reader, community)
    return visit.show(
        "wizard-1.html",
        here="community",
        community=community,
        status=422 if errors else 200,
        rows=rows,
        form=FormState(values={"source": source, "renews": renews}, problems=errors),
        draft=draft,
    )


# page 2


def fill(visit: Visit) -> Response:
    community = visit.community()
    found = draft_of(visit, community)
    if found.content.source is not Source.GENERATE:
        return visit.go(wizard_path(community, found, STEPS[found.content.source]))
    if visit.request.method == "GET":
        return _fill_page(visit, community, found, found.content.fields)
    fields = fields_of(visit.form)
    outcome = drafts.fill(visit.ports, visit.actor, found.draft.id, fields)
    if isinstance(outcome, OpenDraft):
        return visit.go(wizard_path(community, outcome, "details"))
    return _fill_page(visit, community, found, fields, problems(outcome))


def fields_of(form: Form) -> CertificateFields:
    return CertificateFields(
        common_name=form.text("common_name"),
        organisation=form.text("organisation"),
        unit=form.text("unit"),
        city=form.text("city"),
        state=form.text("state"),
        country=form.text("country"),
        email=form.text("email"),
        dns_names=form.text("dns_names"),
        key=form.text("key"),
        digest=form.text("digest"),
        valid_months="" if form.text("valid_until") else form.text("valid_months"),
        valid_until=form.text("valid_until"),
        key_usage=form.all("key_usage"),
        extended_key_usage=form.all("extended_key_usage"),
    )


def _fill_page(
    visit: Visit,
    community: Community,
    found: OpenDraft,
    fields: CertificateFields,
    errors: tuple[FieldProblem, ...] = (),
) -> Response:
    times = visit.times(community)
    with visit.ports.store.read() as reader:
        rows = views.renewable(reader, community)
        oftp2 = any(a.protocol.value == "oftp2" for a in reader.agreements(community.id))
    form = FormState(
        values={
            "common_name": fields.common_name,
            "organisation": fields.organisation,
            "unit": fields.unit,
            "city": fields.city,
            "state": fields.state,
            "country": fields.country,
            "email": fields.email,
            "dns_names": fields.dns_names,
            "key": fields.key,
            "digest": fields.digest,
            "valid_until": fields.valid_until,
        },
        chosen={
            "key_usage": frozenset(fields.key_usage),
            "extended_key_usage": frozenset(fields.extended_key_usage),
        },
        problems=errors,
    )
    return visit.show(
        "wizard-2.html",
        here="community",
        community=community,
        status=422 if errors else 200,
        form=form,
        draft=found,
        renewed=next((r for r in rows if r.held.fingerprint == found.content.renews), None),
        oftp2=oftp2,
        keys=[(k, KEYS[k]) for k in KEY_CHOICES],
        digests=list(DIGESTS.items()),
        key_usages=KEY_USAGES,
        purposes={k: PURPOSES[k] for k in PURPOSE_CHOICES},
        usual=times.day(months_later(visit.now, DEFAULT_MONTHS)),
        months=DEFAULT_MONTHS,
    )


def import_file(visit: Visit) -> Response:
    community = visit.community()
    found = draft_of(visit, community)
    if found.content.source is not Source.IMPORT:
        return visit.go(wizard_path(community, found, STEPS[found.content.source]))
    if visit.request.method == "GET":
        return _import_page(visit, community, found, ())
    upload = visit.form.file("file")
    if upload is None:
        if found.content.certificate_der:
            return visit.go(wizard_path(community, found, "details"))
        error = FieldError("file", "No file is chosen. Take the .p12, .pfx or PEM file.")
        return _import_page(visit, community, found, problems((error,)))
    outcome = drafts.import_file(
        visit.ports,
        visit.actor,
        found.draft.id,
        upload.content(most=drafts.MAX_KEY_FILE_BYTES),
        password=visit.form.secret("password") or None,
        file_name=upload.name,
    )
    if isinstance(outcome, OpenDraft):
        return visit.go(wizard_path(community, outcome, "details"))
    return _import_page(visit, community, found, problems(outcome))


def _import_page(visit: Visit, community: Community, found: OpenDraft, errors: tuple[FieldProblem, ...]) -> Response:
    return visit.show(
        "wizard-import.html",
        here="community",
        community=community,
        status=422 if errors else 200,
        draft=found,
        form=FormState(problems=errors),
    )


def cancel(visit: Visit) -> Response:
    community = visit.community()
    drafts.cancel(visit.ports, visit.actor, DraftId(visit.path("draft")))
    return visit.done(
        community_path(community, "/community"), "Cancelled", "Nothing was stored; the key made for it is wiped."
    )
