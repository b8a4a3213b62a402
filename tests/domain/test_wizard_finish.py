"""Page 3 and Finish: findings, partners, and everything that is stored, or nothing (product.md section 2)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from counterseal.domain.agreement import Agreement, CEMCapability, ExchangeTerms
from counterseal.domain.certificate import HeldCertificate, Origin
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import CommunityRules
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.resolve import acceptors, producer
from counterseal.domain.trust_request import TrustRequestState, derive_state
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.domain.wizard import (
    FieldError,
    Finish,
    FinishOrder,
    Told,
    eligible,
    findings_about,
    plan_finish,
)
from counterseal.kernel.finding import Severity
from counterseal.kernel.ids import CommunityId, KeyId, ListenerId, PartnerId
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate, KeyUsageBit
from tests.builders import (
    NOW,
    a_certificate,
    a_held_certificate,
    a_partner,
    an_agreement,
    an_assignment,
    an_id,
    ec_key,
    mint_ca,
    rsa_key,
)
from tests.builders import mint as mint_certificate

DAY = timedelta(days=1)
RESPOND_BY = NOW + 14 * DAY
AS2, OFTP2 = an_agreement(), an_agreement(protocol=Protocol.OFTP2)
ROOT = mint_ca()
LONG: dict[str, Any] = {"expires_in": timedelta(days=730)}


def ours(certificate: Certificate, **changes: Any) -> HeldCertificate:
    made: dict[str, Any] = {"side": Side.OURS, "key_id": KeyId("k"), "origin": Origin.GENERATED}
    return a_held_certificate(certificate=certificate, **(made | changes))


NEW = ours(a_certificate(key=rsa_key(5), **LONG))


def an_order(**changes: Any) -> FinishOrder:
    made = FinishOrder(
        certificate=NEW,
        usages=frozenset({Usage.SIGN, Usage.ENCRYPT}),
        send=True,
        told=(Told(agreement=AS2, channel=Channel.CEM),),
        scx_type=None,
        respond_by=RESPOND_BY,
        time_zone="Europe/Berlin",
        prepare=(),
        listeners=(),
        assignments=(),
        held=(),
        rules=CommunityRules(),
        number=7,
        by="user:mara",
        now=NOW,
    )
    return replace(made, **changes)


def finish(**changes: Any) -> Finish:
    done = plan_finish(an_order(**changes), new_id=an_id, reference=lambda c: f"{c.value}-{an_id()}@alpha.example")
    assert isinstance(done, Finish), done
    return done


def refused(**changes: Any) -> tuple[FieldError, ...]:
    done = plan_finish(an_order(**changes), new_id=an_id, reference=lambda _: "r")
    assert isinstance(done, tuple), done
    return done


def test_finish_is_ready_to_decrypt_before_anybody_is_told() -> None:
    """CEM-38; section 3, rule 2: all of it is one value, for one transaction."""
    old = an_assignment(agreement_id=AS2.id, usage=Usage.SIGN, fingerprint="ab" * 32)
    done = finish(assignments=(old,))
    assert {(a.usage, a.state, a.agreement_id) for a in done.assignments} == {
        (Usage.SIGN, AssignmentState.STAGED, AS2.id),
        (Usage.ENCRYPT, AssignmentState.STAGED, AS2.id),
    }
    rows = [old, *done.assignments]
    assert acceptors(rows, Side.OURS, Usage.ENCRYPT) == (NEW.fingerprint,)
    assert producer(rows, Side.OURS, Usage.SIGN) == old.fingerprint
    assert done.trust_request is not None
    assert (done.trust_request.number, done.trust_request.respond_by) == (7, RESPOND_BY)
    assert derive_state(done.trust_request, done.exchanges, NOW) is TrustRequestState.OPEN


def test_one_exchange_per_partner_is_queued_over_its_channel() -> None:
    told = (
        Told(agreement=AS2, channel=Channel.CEM),
        Told(agreement=OFTP2, channel=Channel.SCX),
        Told(agreement=an_agreement(), channel=Channel.MAIL),
    )
    usages = frozenset({Usage.SIGN, Usage.ENCRYPT, Usage.FILE_SIGN, Usage.FILE_ENCRYPT})
    done = finish(told=told, usages=usages, scx_type=SCXType.DELIVER)
    assert [(e.agreement_id, e.channel, e.scx_type, e.state) for e in done.exchanges] == [
        (told[0].agreement.id, Channel.CEM, None, ExchangeState.QUEUED),
        (told[1].agreement.id, Channel.SCX, SCXType.DELIVER, ExchangeState.QUEUED),
        (told[2].agreement.id, Channel.MAIL, None, ExchangeState.QUEUED),
    ]
    assert len({e.request_reference for e in done.exchanges}) == 3
    by_agreement = {e.agreement_id: e.id for e in done.exchanges}
    assert all(a.exchange_id == by_agreement[a.agreement_id] for a in done.assignments if a.agreement_id)
    assert {a.usage for a in done.assignments if a.agreement_id == OFTP2.id} == {Usage.FILE_SIGN, Usage.FILE_ENCRYPT}


def test_a_listener_is_staged_once_and_no_agreement_gets_tls_server() -> None:
    certificate = ours(a_certificate(key=rsa_key(5), extended_key_usage=[SERVER_AUTH], **LONG))
    done = finish(
        certificate=certificate, usages=frozenset({Usage.SIGN, Usage.TLS_SERVER}), listeners=(ListenerId("l1"),)
    )
    assert {(a.listener_id, a.agreement_id, a.usage) for a in done.assignments} == {
        (None, AS2.id, Usage.SIGN),
        (ListenerId("l1"), None, Usage.TLS_SERVER),
    }


def test_without_messages_it_is_stored_and_staged_where_asked() -> None:
    done = finish(send=False, told=(), respond_by=None, prepare=(AS2, AS2))
    assert (done.trust_request, done.exchanges) == (None, ())
    assert len(done.assignments) == 2
    assert finish(send=False, told=(), respond_by=None).assignments == ()


OFF = replace(AS2, exchange=ExchangeTerms(enabled=False))
REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "no partner picked": ({"told": ()}, "partners"),
    "past respond-by": ({"respond_by": NOW}, "respond_by_date"),
    "no respond-by": ({"respond_by": None}, "respond_by_date"),
    "no use": ({"usages": frozenset()}, "usages"),
    "no SCX type": (
        {"told": (Told(agreement=OFTP2, channel=Channel.SCX),), "usages": frozenset({Usage.FILE_SIGN})},
        "scx_type",
    ),
    "CEM over OFTP2": (
        {"told": (Told(agreement=OFTP2, channel=Channel.CEM),), "usages": frozenset({Usage.FILE_SIGN})},
        "partners",
    ),
    "exchange off": ({"told": (Told(agreement=OFF, channel=Channel.CEM),)}, "partners"),
    "one agreement twice": (
        {"told": (Told(agreement=AS2, channel=Channel.CEM), Told(agreement=AS2, channel=Channel.MAIL))},
        "partners",
    ),
    "no use for this partner": ({"usages": frozenset({Usage.FILE_SIGN})}, "partners"),
    "EC for OFTP2 files": (
        {
            "certificate": ours(a_certificate(key=ec_key(3), **LONG)),
            "told": (Told(agreement=OFTP2, channel=Channel.SCX),),
            "usages": frozenset({Usage.FILE_SIGN}),
            "scx_type": SCXType.DELIVER,
        },
        "partners",
    ),
    "key not here": ({"certificate": replace(NEW, key_id=None)}, "certificate"),
    "theirs": ({"certificate": replace(NEW, side=Side.THEIRS)}, "certificate"),
    "expired": ({"certificate": ours(a_certificate(expires_in=-DAY, starts_in=-2 * DAY))}, "certificate"),
    "ends before respond-by": ({"certificate": ours(a_certificate(expires_in=14 * DAY))}, "certificate"),
    "begins after respond-by": ({"certificate": ours(a_certificate(starts_in=15 * DAY))}, "certificate"),
    "key usage forbids the use": (
        {"certificate": ours(a_certificate(key_usage=(KeyUsageBit.DIGITAL_SIGNATURE,)))},
        "certificate",
    ),
}


@pytest.mark.parametrize(("changes", "field"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_marks_its_field_and_nothing_is_made(changes: dict[str, Any], field: str) -> None:
    found = refused(**changes)
    assert {e.field for e in found} == {field}
    assert all(". " in e.text and e.text.endswith(".") for e in found)


def test_all_reasons_come_at_once() -> None:
    fields = {e.field for e in refused(told=(), respond_by=NOW, usages=frozenset())}
    assert fields == {"partners", "respond_by_date", "usages"}


# findings about the certificate


def about(
    certificate: Certificate, *usages: Usage, held: Sequence[HeldCertificate] = (), **changes: Any
) -> dict[str, Severity]:
    made: dict[str, Any] = {"rules": CommunityRules(), "held": held, "respond_by": None, "now": NOW}
    return {f.code: f.severity for f in findings_about(certificate, frozenset(usages), **(made | changes))}


PASSED, NOTE, WARNING, REFUSAL = Severity
TLS = a_certificate(extended_key_usage=[SERVER_AUTH])
PUBLIC = mint_certificate(issuer=ROOT, extended_key_usage=[SERVER_AUTH, CLIENT_AUTH], **LONG).certificate


@pytest.mark.parametrize(
    ("certificate", "usages", "changes", "code", "severity"),
    [
        (NEW.certificate, [Usage.SIGN], {}, "key.strength", PASSED),
        (NEW.certificate, [Usage.SIGN], {}, "key.reuse", PASSED),
        (NEW.certificate, [Usage.SIGN], {"rules": CommunityRules(minimum_rsa_bits=3072)}, "key.weak", WARNING),
        (replace(NEW.certificate, signature_digest="sha1"), [Usage.SIGN], {}, "key.weak-digest", WARNING),
        (a_certificate(expires_in=90 * DAY - timedelta(seconds=1)), [Usage.SIGN], {}, "validity.short", WARNING),
        (
            a_certificate(expires_in=14 * DAY),
            [Usage.SIGN],
            {"respond_by": RESPOND_BY},
            "validity.before-respond-by",
            REFUSAL,
        ),
        (
            a_certificate(starts_in=15 * DAY),
            [Usage.SIGN],
            {"respond_by": RESPOND_BY},
            "validity.after-respond-by",
            REFUSAL,
        ),
        (a_certificate(starts_in=DAY), [Usage.SIGN], {"respond_by": RESPOND_BY}, "certificate.not-yet-valid", NOTE),
        (a_certificate(expires_in=-DAY, starts_in=-2 * DAY), [Usage.SIGN], {}, "certificate.expired", REFUSAL),
        (a_certificate(ca=True), [Usage.SIGN], {}, "certificate.ca-flag", WARNING),
        (a_certificate(key_usage=(KeyUsageBit.DIGITAL_SIGNATURE,)), [Usage.ENCRYPT], {}, "usage.key-usage", REFUSAL),
        (TLS, [Usage.TLS_CLIENT], {}, "usage.extended-key-usage", REFUSAL),
        (PUBLIC, [Usage.TLS_CLIENT], {}, "usage.client-auth", NOTE),
        (PUBLIC, [Usage.TLS_SERVER, Usage.SIGN], {}, "usage.shared-with-tls", NOTE),
        (NEW.certificate, [Usage.SIGN], {"held": [ours(a_certificate("Old", key=rsa_key(5)))]}, "key.reuse", WARNING),
        (
            NEW.certificate,
            [Usage.SIGN],
            {"held": [a_held_certificate(certificate=a_certificate("B", key=rsa_key(5)))]},
            "key.foreign",
            REFUSAL,
        ),
    ],
)
def test_what_stands_out_is_found(
    certificate: Certificate, usages: list[Usage], changes: dict[str, Any], code: str, severity: Severity
) -> None:
    assert about(certificate, *usages, **changes).get(code) is severity


@pytest.mark.parametrize(
    ("certificate", "usages", "code"),
    [
        (a_certificate(expires_in=90 * DAY), [Usage.SIGN], "validity.short"),
        (NEW.certificate, [Usage.SIGN, Usage.ENCRYPT], "usage.shared-with-tls"),
        (TLS, [Usage.TLS_SERVER], "usage.shared-with-tls"),
        (PUBLIC, [Usage.TLS_SERVER], "usage.client-auth"),
        (TLS, [Usage.SIGN], "usage.extended-key-usage"),
    ],
)
def test_what_does_not_stand_out_is_not(certificate: Certificate, usages: list[Usage], code: str) -> None:
    assert code not in about(certificate, *usages)


def test_a_certificate_is_not_its_own_predecessor() -> None:
    assert about(NEW.certificate, Usage.SIGN, held=[NEW])["key.reuse"] is PASSED


# partners


def a_list(*agreements: Agreement) -> Any:
    partners = {a.partner_id: a_partner(id=a.partner_id, name=f"Partner {a.partner_id}") for a in agreements}
    return agreements, partners


def an(name: str, **changes: Any) -> Agreement:
    return an_agreement(partner_id=PartnerId(name), **changes)


def test_cem_lists_active_as2_agreements_by_name_with_what_is_known() -> None:
    listed = eligible(
        Protocol.AS2,
        *a_list(
            an("c", cem_capability=CEMCapability.SILENT),
            an("a", cem_capability=CEMCapability.PROVED),
            an("b"),
            an("x", protocol=Protocol.OFTP2),
        ),
    )
    assert [(c.partner.id, c.capability) for c in listed.candidates] == [
        ("a", CEMCapability.PROVED),
        ("b", CEMCapability.UNKNOWN),
        ("c", CEMCapability.SILENT),
    ]
    assert listed.left_out == ()


def test_those_left_out_are_listed_with_the_reason() -> None:
    listed = eligible(
        Protocol.AS2,
        *a_list(
            an("a", active=False),
            an("b", exchange=ExchangeTerms(enabled=False)),
            an("c", cem_capability=CEMCapability.OFF),
        ),
    )
    assert listed.candidates == ()
    reasons = [out.reason for out in listed.left_out]
    assert [next(w for w in ("agreement is", "exchange is", "CEM is") if w in r) for r in reasons] == [
        "agreement is",
        "exchange is",
        "CEM is",
    ]
    assert all("mail" in r for r in reasons)


def test_scx_lists_oftp2_agreements_without_a_cem_capability() -> None:
    listed = eligible(Protocol.OFTP2, *a_list(an("a", protocol=Protocol.OFTP2), an("b")))
    assert [(c.partner.id, c.capability) for c in listed.candidates] == [("a", None)]


def test_the_request_belongs_to_the_certificates_community() -> None:
    done = finish(certificate=replace(NEW, community_id=CommunityId("c2")))
    assert done.trust_request is not None
    assert done.trust_request.community_id == "c2"
    assert all(e.community_id == "c2" for e in done.exchanges)
