"""Forms for what is set up once: community, station, partner, AS2 agreement. Fields are measured by the configuration's tables."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.agreement import (
    Agreement,
    AS2Terms,
    Cipher,
    Compression,
    ExchangeTerms,
    Profile,
    ReceiptMode,
    SignaturePadding,
)
from counterseal.domain.community import Community, CutoverRule, HandlingMode, Partner, Station
from counterseal.domain.people import Permission
from counterseal.domain.usage import Protocol
from counterseal.engine.configuration.kinds import duration_text
from counterseal.engine.configuration.saving import save_agreement, save_community, save_partner, save_station
from counterseal.engine.field_errors import FieldErrors
from counterseal.engine.ports import NotFound
from counterseal.kernel.ids import AgreementId, StationId
from counterseal.kernel.keys import Digest, KeyTransport
from counterseal.surfaces.web.forms import FieldProblem, Form
from counterseal.surfaces.web.rendering import FormState, word
from counterseal.surfaces.web.visit import Visit, community_path, owned, page
from counterseal.surfaces.web.zones import zone_choices

_NEED = Permission.CONFIGURE
_BOTH = ("GET", "POST")
LABELS: Final = {
    "slug": "Short name",
    "name": "Name",
    "time_zone": "Time zone",
    "contact_email": "E-mail",
    "contact_name": "Contact",
    "identity": "Name on the wire",
    "partner_identity": "Their AS2 name",
    "url": "Address",
    "email": "E-mail",
    "station": "Station",
    "receipt_timeout": "Missing after",
    "receipt_url": "Receipts for us go to",
    "async_receipt_hosts": "Other hosts for receipts",
    "content_type": "Content type",
    "subject": "Subject",
    "terms": "Security",
    "rules.minimum_rsa_bits": "Shortest RSA key",
    "rules.maximum_validity_days": "Longest validity",
    "rules.retire_unseen_after": "After so long unseen",
    "note": "Note",
    "owner": "Owner",
    "host": "We call",
    "ssid_code": "Their node",
    "our_ssid_code": "Our node",
    "our_password": "Our password",
    "their_password": "Their password",
    "buffer_bytes": "Exchange buffer",
    "poll_every": "Call at least every",
    "parallel_sessions": "Sessions at a time",
    "retries": "Waits between calls",
    "inactivity": "Silent sessions end after",
}

Values = dict[str, str]


def routes() -> list[Route]:
    return [
        page("/communities/new", new_community, permission=_NEED, methods=_BOTH),
        page("/c/{community}/edit", edit_community, permission=_NEED, methods=_BOTH),
        page("/c/{community}/stations/new", new_station, permission=_NEED, methods=_BOTH),
        page("/c/{community}/stations/{station}", edit_station, permission=_NEED, methods=_BOTH),
        page("/c/{community}/partners/new", new_partner, permission=_NEED, methods=_BOTH),
        page("/c/{community}/partners/{partner}/edit", edit_partner, permission=_NEED, methods=_BOTH),
        page("/c/{community}/partners/{partner}/agreements/new", new_agreement, permission=_NEED, methods=_BOTH),
        page("/c/{community}/agreements/{agreement}/edit", edit_agreement, permission=_NEED, methods=_BOTH),
    ]


def written(form: Form, texts: tuple[str, ...], flags: tuple[str, ...]) -> Values:
    """What the form had. A tick box that is not ticked is not sent by browsers: it means no."""
    values = {name: form.text(name) for name in texts if name in form.texts}
    return values | {name: "true" if form.flag(name) else "false" for name in flags}


def problems(fault: FieldErrors) -> tuple[FieldProblem, ...]:
    return tuple(
        FieldProblem(field=e.field, label=LABELS.get(e.field, e.field.replace("_", " ")), text=e.text)
        for e in fault.errors
    )


def state_of(values: Mapping[str, str], flags: tuple[str, ...], errors: tuple[FieldProblem, ...] = ()) -> FormState:
    chosen = {name: frozenset({"true"}) for name in flags if values.get(name) == "true"}
    return FormState(values=values, chosen=chosen, problems=errors)


def slug_of(name: str) -> str:
    """A short name made of a name: ``Quarz & Söhne`` gives ``quarz-sohne``; the person may choose a better one."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-")


def without_echo(form: Form, fault: FieldErrors, derived: str, source: str) -> tuple[FieldProblem, ...]:
    """One missing text is one problem: a field left empty to be made of another is not complained about beside it."""
    errors = problems(fault)
    echo = not form.text(derived) and any(p.field == source for p in errors)
    return tuple(p for p in errors if not (echo and p.field == derived))


# community

_COMMUNITY_TEXTS = (
    "slug",
    "name",
    "time_zone",
    "contact_email",
    "rules.cem_mode",
    "rules.scx_mode",
    "rules.minimum_rsa_bits",
    "rules.maximum_validity_days",
    "rules.retire_unseen_after",
)
_COMMUNITY_FLAGS = ("rules.two_people",)


def new_community(visit: Visit) -> Response:
    values: Values = {
        "time_zone": "Europe/Berlin",
        "rules.cem_mode": HandlingMode.MANUAL.value,
        "rules.scx_mode": HandlingMode.MANUAL.value,
        "rules.minimum_rsa_bits": "2048",
        "rules.maximum_validity_days": "1200",
    }
    return _community_form(visit, None, values)


def edit_community(visit: Visit) -> Response:
    found = visit.community()
    rules = found.rules
    values: Values = {
        "slug": found.slug,
        "name": found.name,
        "time_zone": found.time_zone,
        "contact_email": found.contact_email,
        "rules.cem_mode": rules.cem_mode.value,
        "rules.scx_mode": rules.scx_mode.value,
        "rules.two_people": "true" if rules.two_people else "false",
        "rules.minimum_rsa_bits": str(rules.minimum_rsa_bits),
        "rules.maximum_validity_days": str(rules.maximum_validity_days),
        "rules.retire_unseen_after": duration_text(rules.retire_unseen_after) if rules.retire_unseen_after else "",
    }
    return _community_form(visit, found, values)


def _community_form(visit: Visit, found: Community | None, values: Values) -> Response:
    errors: tuple[FieldProblem, ...] = ()
    if visit.request.method == "POST":
        values = written(visit.form, _COMMUNITY_TEXTS, _COMMUNITY_FLAGS)
        if not values.get("slug"):
            values["slug"] = slug_of(values.get("name", ""))
        try:
            made = save_community(visit.ports, visit.actor, found.id if found else None, values)
        except FieldErrors as fault:
            errors = without_echo(visit.form, fault, "slug", "name")
        else:
            where = "/community" if found else ""
            return visit.done(community_path(made, where), f"{made.name} is stored")
    return visit.show(
        "community-form.html",
        here="community",
        community=found,
        status=422 if errors else 200,
        form=state_of(values, _COMMUNITY_FLAGS, errors),
        found=found,
        zones=zone_choices(values.get("time_zone", "")),
        modes=[(m.value, word(m)) for m in HandlingMode],
    )


# station

_STATION_TEXTS = ("protocol", "identity", "name", "url", "email")
_STATION_FLAGS = ("enabled",)


def new_station(visit: Visit) -> Response:
    return _station_form(visit, visit.community(), None, {"protocol": Protocol.AS2.value, "enabled": "true"})


def edit_station(visit: Visit) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        found = reader.station(StationId(visit.path("station")))
    owned(community, found.community_id, "station")
    values: Values = {
        "protocol": found.protocol.value,
        "identity": found.identity,
        "name": found.name,
        "url": found.url,
        "email": found.email,
        "enabled": "true" if found.enabled else "false",
    }
    return _station_form(visit, community, found, values)


def _station_form(visit: Visit, community: Community, found: Station | None, values: Values) -> Response:
    errors: tuple[FieldProblem, ...] = ()
    if visit.request.method == "POST":
        values = written(visit.form, _STATION_TEXTS, _STATION_FLAGS)
        if not values.get("name"):
            values["name"] = values.get("identity", "")
        try:
            made = save_station(visit.ports, visit.actor, community.id, found.id if found else None, values)
        except FieldErrors as fault:
            errors = without_echo(visit.form, fault, "name", "identity")
        else:
            return visit.done(community_path(community, "/community"), f"Station {made.identity} is stored")
    return visit.show(
        "station-form.html",
        here="community",
        community=community,
        status=422 if errors else 200,
        form=state_of(values, _STATION_FLAGS, errors),
        found=found,
    )


# partner

_PARTNER_TEXTS = ("slug", "name", "owner", "contact_name", "contact_email", "note")


def new_partner(visit: Visit) -> Response:
    return _partner_form(visit, visit.community(), None, {})


def edit_partner(visit: Visit) -> Response:
    community = visit.community()
    found = partner_of(visit, community)
    values: Values = {
        "slug": found.slug,
        "name": found.name,
        "owner": found.owner,
        "contact_name": found.contact_name,
        "contact_email": found.contact_email,
        "note": found.note,
    }
    return _partner_form(visit, community, found, values)


def partner_of(visit: Visit, community: Community) -> Partner:
    """The partner that the address names. Raises ``NotFound``."""
    slug = visit.path("partner")
    with visit.ports.store.read() as reader:
        found = reader.find_partner(community.id, slug)
    if found is None:
        raise NotFound(f"{community.name} has no partner {slug!r}")
    return found


def _partner_form(visit: Visit, community: Community, found: Partner | None, values: Values) -> Response:
    errors: tuple[FieldProblem, ...] = ()
    if visit.request.method == "POST":
        values = written(visit.form, _PARTNER_TEXTS, ())
        if not values.get("slug"):
            values["slug"] = slug_of(values.get("name", ""))
        try:
            made = save_partner(visit.ports, visit.actor, community.id, found.id if found else None, values)
        except FieldErrors as fault:
            errors = without_echo(visit.form, fault, "slug", "name")
        else:
            text = "" if found else "Next: its certificate and an agreement."
            return visit.done(community_path(community, f"/partners/{made.slug}"), f"{made.name} is stored", text)
    with visit.ports.store.read() as reader:
        people = [(u.name, u.full_name or u.name) for u in reader.users() if u.enabled]
    return visit.show(
        "partner-form.html",
        here="community",
        community=community,
        status=422 if errors else 200,
        form=state_of(values, (), errors),
        found=found,
        people=[("", "Everybody with the role"), *people],
    )


# AS2 agreement

_AGREEMENT_TEXTS = (
    "partner_identity",
    "url",
    "profile",
    "compress",
    "digest",
    "padding",
    "cipher",
    "key_transport",
    "receipt",
    "receipt_url",
    "receipt_timeout",
    "async_receipt_hosts",
    "subject",
    "content_type",
    "exchange.mode",
    "exchange.cutover",
)
_AGREEMENT_FLAGS = (
    "active",
    "sign",
    "encrypt",
    "receipt_signed",
    "require_signed",
    "require_encrypted",
    "preserve_file_name",
    "chunked",
    "exchange.enabled",
    "exchange.self_healing",
)


def new_agreement(visit: Visit) -> Response:
    community = visit.community()
    partner = partner_of(visit, community)
    values = _agreement_values(None, AS2Terms(url="https://partner.example/as2"), ExchangeTerms()) | {"url": ""}
    return _agreement_form(visit, community, partner, None, values)


def edit_agreement(visit: Visit) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        found = reader.agreement(AgreementId(visit.path("agreement")))
        partner = reader.partner(found.partner_id)
    owned(community, found.community_id, "agreement")
    if found.protocol is not Protocol.AS2:
        return visit.go(community_path(community, f"/agreements/{found.id}/edit-oftp2"))
    return _agreement_form(visit, community, partner, found, _agreement_values(found, found.as2, found.exchange))


def _agreement_values(found: Agreement | None, terms: AS2Terms, exchange: ExchangeTerms) -> Values:
    yes = {True: "true", False: "false"}
    return {
        "station": found.station_id if found else "",
        "partner_identity": found.partner_identity if found else "",
        "active": yes[found.active if found else True],
        "url": terms.url,
        "profile": terms.profile.value,
        "sign": yes[terms.sign],
        "encrypt": yes[terms.encrypt],
        "compress": terms.compress.value,
        "digest": terms.digest.value,
        "padding": terms.padding.value,
        "cipher": terms.cipher.value,
        "key_transport": terms.key_transport.value,
        "receipt": terms.receipt.value,
        "receipt_signed": yes[terms.receipt_signed],
        "receipt_url": terms.receipt_url,
        "receipt_timeout": duration_text(terms.receipt_timeout),
        "async_receipt_hosts": ", ".join(terms.async_receipt_hosts),
        "require_signed": yes[terms.require_signed],
        "require_encrypted": yes[terms.require_encrypted],
        "preserve_file_name": yes[terms.preserve_file_name],
        "chunked": yes[terms.chunked],
        "subject": terms.subject,
        "content_type": terms.content_type,
        "exchange.enabled": yes[exchange.enabled],
        "exchange.mode": exchange.mode.value if exchange.mode else "",
        "exchange.cutover": exchange.cutover.value if exchange.cutover else "",
        "exchange.self_healing": yes[exchange.self_healing],
    }


def _agreement_form(
    visit: Visit, community: Community, partner: Partner, found: Agreement | None, values: Values
) -> Response:
    with visit.ports.store.read() as reader:
        stations = [s for s in reader.stations(community.id) if s.protocol is Protocol.AS2]
    errors: tuple[FieldProblem, ...] = ()
    if visit.request.method == "POST":
        station = found.station_id if found else visit.form.text("station")
        values = written(visit.form, _AGREEMENT_TEXTS, _AGREEMENT_FLAGS)
        if station not in {s.id for s in stations}:
            errors = (FieldProblem(field="station", label="Station", text="Choose one of your AS2 stations."),)
        else:
            try:
                made = save_agreement(
                    visit.ports,
                    visit.actor,
                    found.id if found else None,
                    station_id=StationId(station),
                    partner_id=partner.id,
                    written=values,
                )
            except FieldErrors as fault:
                errors = problems(fault)
            else:
                path = community_path(community, f"/agreements/{made.id}")
                text = "" if found else "Next: assign the certificates of both sides."
                return visit.done(path, "The agreement is stored", text)
        values = values | {"station": station}
    return visit.show(
        "agreement-form.html",
        here="community",
        community=community,
        status=422 if errors else 200,
        form=state_of(values, _AGREEMENT_FLAGS, errors),
        found=found,
        partner=partner,
        stations=stations,
        options=_OPTIONS,
    )


_OPTIONS: Final = {
    "profile": [(p.value, p.value) for p in Profile],
    "compress": [(c.value, word(c)) for c in Compression],
    "digest": [(d.value, d.value.upper()) for d in (Digest.SHA256, Digest.SHA384, Digest.SHA512)],
    "padding": [(p.value, word(p)) for p in SignaturePadding],
    "cipher": [(c.value, word(c)) for c in Cipher],
    "key_transport": [(k.value, word(k)) for k in KeyTransport],
    "receipt": [(r.value, word(r)) for r in ReceiptMode],
    "mode": [("", "As the community"), *((m.value, word(m)) for m in HandlingMode)],
    "cutover": [("", "When they accept (default)"), *((c.value, word(c)) for c in CutoverRule)],
}
