"""The form of an OFTP2 agreement. Fields are measured by the configuration's tables, as those of AS2 (``configure``)."""

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.agreement import Agreement, ExchangeTerms, OFTP2Terms
from counterseal.domain.channel import SCXRule
from counterseal.domain.community import Community, CutoverRule, HandlingMode, Partner
from counterseal.domain.people import Permission
from counterseal.domain.usage import Protocol
from counterseal.engine.configuration.kinds import duration_text
from counterseal.engine.configuration.saving import save_agreement
from counterseal.engine.field_errors import FieldErrors
from counterseal.engine.ports import NotFound
from counterseal.kernel.ids import AgreementId, StationId
from counterseal.surfaces.web.forms import FieldProblem
from counterseal.surfaces.web.pages.configure import Values, partner_of, problems, state_of, written
from counterseal.surfaces.web.rendering import word
from counterseal.surfaces.web.visit import Visit, community_path, owned, page

_NEED: Final = Permission.CONFIGURE
_BOTH: Final = ("GET", "POST")
_SECRETS: Final = ("our_password", "their_password")
_TEXTS: Final = (
    "partner_identity",
    "host",
    "port",
    "ssid_code",
    "our_ssid_code",
    *_SECRETS,
    "cipher_suite",
    "buffer_bytes",
    "credit",
    "poll_every",
    "parallel_sessions",
    "dataset_name",
    "dataset_names",
    "scx_rule",
    "retries",
    "inactivity",
    "exchange.mode",
    "exchange.cutover",
)
_FLAGS: Final = (
    "active",
    "tls",
    "secure_authentication",
    "sign",
    "compress",
    "encrypt",
    "receipt_signed",
    "require_signed",
    "require_encrypted",
    "require_signed_receipt",
    "buffer_compression",
    "restart",
    "count_secured_records",
    "may_call",
    "hold_receipts",
    "strict",
    "first_exchange",
    "answer_all_usages",
    "exchange.enabled",
    "exchange.self_healing",
)
_OPTIONS: Final = {
    "suite": [
        ("2", "02: AES-256, SHA-1"),
        ("4", "04: AES-256, SHA-256"),
        ("6", "06: AES-256, SHA-512"),
        ("1", "01: 3DES, SHA-1 (old, weak)"),
        ("3", "03: 3DES, SHA-256 (old, weak)"),
        ("5", "05: 3DES, SHA-512 (old, weak)"),
    ],
    "scx_rule": [
        ("unknown", "Not known"),
        *((rule.value, word(rule)) for rule in SCXRule),
    ],
    "mode": [("", "As the community"), *((m.value, word(m)) for m in HandlingMode)],
    "cutover": [("", "When they accept (default)"), *((c.value, word(c)) for c in CutoverRule)],
}


def routes() -> list[Route]:
    return [
        page("/c/{community}/partners/{partner}/agreements/new-oftp2", new, permission=_NEED, methods=_BOTH),
        page("/c/{community}/agreements/{agreement}/edit-oftp2", edit, permission=_NEED, methods=_BOTH),
    ]


def new(visit: Visit) -> Response:
    community = visit.community()
    partner = partner_of(visit, community)
    blank = OFTP2Terms(host="partner.example", ssid_code="")
    return _form(visit, community, partner, None, _values(None, blank, ExchangeTerms()) | {"host": ""})


def edit(visit: Visit) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        found = reader.agreement(AgreementId(visit.path("agreement")))
        partner = reader.partner(found.partner_id)
    owned(community, found.community_id, "agreement")
    if found.protocol is not Protocol.OFTP2:
        raise NotFound("this is no OFTP2 agreement")
    return _form(visit, community, partner, found, _values(found, found.oftp2, found.exchange))


def _values(found: Agreement | None, terms: OFTP2Terms, exchange: ExchangeTerms) -> Values:
    """Passwords are never shown: an empty field keeps what is stored."""
    flags = {
        name: getattr(exchange, name.removeprefix("exchange."))
        if name.startswith("exchange.")
        else getattr(found, name, True)
        if name == "active"
        else getattr(terms, name)
        for name in _FLAGS
    }
    return {name: "true" if value else "false" for name, value in flags.items()} | {
        "station": found.station_id if found else "",
        "partner_identity": found.partner_identity if found else "",
        "host": terms.host,
        "port": str(terms.port),
        "ssid_code": terms.ssid_code,
        "our_ssid_code": terms.our_ssid_code,
        "cipher_suite": str(terms.cipher_suite),
        "buffer_bytes": str(terms.buffer_bytes),
        "credit": str(terms.credit),
        "poll_every": duration_text(terms.poll_every) if terms.poll_every else "",
        "parallel_sessions": str(terms.parallel_sessions),
        "dataset_name": terms.dataset_name,
        "dataset_names": ", ".join(terms.dataset_names),
        "scx_rule": terms.scx_rule,
        "retries": ", ".join(duration_text(wait) for wait in terms.retries),
        "inactivity": duration_text(terms.inactivity),
        "exchange.mode": exchange.mode.value if exchange.mode else "",
        "exchange.cutover": exchange.cutover.value if exchange.cutover else "",
    }


def _form(visit: Visit, community: Community, partner: Partner, found: Agreement | None, values: Values) -> Response:
    with visit.ports.store.read() as reader:
        stations = [s for s in reader.stations(community.id) if s.protocol is Protocol.OFTP2]
    errors: tuple[FieldProblem, ...] = ()
    if visit.request.method == "POST":
        station = found.station_id if found else visit.form.text("station")
        values = written(visit.form, _TEXTS, _FLAGS)
        if not values.get("ssid_code"):
            values["ssid_code"] = values.get("partner_identity", "")
        if station not in {s.id for s in stations}:
            errors = (FieldProblem(field="station", label="Station", text="Choose one of your OFTP2 stations."),)
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
        values = {name: text for name, text in values.items() if name not in _SECRETS} | {"station": station}
    return visit.show(
        "oftp2-agreement-form.html",
        here="community",
        community=community,
        status=422 if errors else 200,
        form=state_of(values, _FLAGS, errors),
        found=found,
        partner=partner,
        stations=stations,
        options=_OPTIONS,
        stored={name: bool(found and getattr(found.oftp2, f"{name}_sealed")) for name in _SECRETS},
    )
