"""An offered certificate that every policy is content with; tests change one thing of it at a time."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from counterseal.domain.agreement import Agreement, ExchangeTerms
from counterseal.domain.assignment import Assignment
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import CommunityRules
from counterseal.domain.policies import CERTIFICATE_CHAIN, ENVELOPE_CHAIN, RELATION_CHAIN, Envelope, Input, Revocation
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import AgreementId, PartnerId
from counterseal.kernel.x509 import Certificate
from tests.builders import (
    NOW,
    a_certificate,
    a_held_certificate,
    an_agreement,
    an_assignment,
    as2_terms,
    ec_key,
    mint,
    mint_ca,
    oftp2_terms,
    rsa_key,
)

BRAVO = PartnerId("bravo")
AS2_USAGES = frozenset({Usage.SIGN, Usage.ENCRYPT})
OFTP2_USAGES = frozenset({Usage.FILE_SIGN, Usage.FILE_ENCRYPT})
CURRENT = a_certificate("Bravo Bows", key=rsa_key(1), expires_in=timedelta(days=60))
"""Theirs in use, for the usages of the protocol."""
RENEWAL = a_certificate("Bravo Bows", key=rsa_key(2), expires_in=timedelta(days=730))
OURS = a_certificate("Alpha Arrows", key=rsa_key(0))
ROOT = mint_ca("Trusted Root", key=rsa_key(90))
INTERMEDIATE = mint_ca("Issuing CA", key=rsa_key(91), issuer=ROOT)
STRANGE_ROOT = mint_ca("Strange Root", key=rsa_key(92))
ISSUED = mint("Bravo Bows", key=rsa_key(2), issuer=INTERMEDIATE).certificate
"""By a CA below the trusted root; subject as in use, issuer not."""
STRANGE = mint("Bravo Bows", key=rsa_key(2), issuer=STRANGE_ROOT).certificate
NEWCOMER = a_certificate("Somebody Else", key=rsa_key(2))
"""Self-signed, subject unlike anything in use."""
EC_CERTIFICATE = a_certificate("Bravo Bows", key=ec_key(1))

AS2_AGREEMENT = an_agreement(
    id=AgreementId("as2"), partner_id=BRAVO, partner_identity="BRAVO", terms=as2_terms(require_signed=False)
)
OFTP2_AGREEMENT = an_agreement(
    id=AgreementId("oftp2"), partner_id=BRAVO, partner_identity="O0013BRAVO", protocol=Protocol.OFTP2
)


def theirs(
    certificate: Certificate, usage: Usage, state: AssignmentState = AssignmentState.ACTIVE, **changes: Any
) -> Assignment:
    return an_assignment(side=Side.THEIRS, fingerprint=certificate.fingerprint, usage=usage, state=state, **changes)


def held(*certificates: Certificate, **changes: Any) -> dict[Any, HeldCertificate]:
    return {c.fingerprint: a_held_certificate(certificate=c, **({"partner_id": BRAVO} | changes)) for c in certificates}


HELD = held(CURRENT) | held(OURS, side=Side.OURS, partner_id=None)


def a_case(**changes: Any) -> Input:
    """Over CEM, signed by the current certificate: the renewal of the one in use for signing and encryption."""
    made = Input(
        certificate=RENEWAL,
        chain=(),
        problem="",
        usages=AS2_USAGES,
        supported=frozenset(Usage),
        channel=Channel.CEM,
        scx_type=None,
        envelope=Envelope(sender="BRAVO", claimed="BRAVO", signer=CURRENT.fingerprint, session_authenticated=False),
        agreement=AS2_AGREEMENT,
        rules=CommunityRules(),
        assignments=tuple(theirs(CURRENT, usage) for usage in AS2_USAGES),
        held=HELD,
        retired=frozenset(),
        revoked=frozenset(),
        trusted_roots=(ROOT.certificate,),
        listed_issuers=(),
        named_old=frozenset(),
        revocation=Revocation.GOOD,
        revocation_configured=True,
        respond_by=NOW + timedelta(days=14),
        now=NOW,
    )
    return replace(made, **changes)


def an_scx_case(scx_type: SCXType = SCXType.DELIVER, **changes: Any) -> Input:
    """Over OFTP2, in an authenticated session: the renewal of the one in use for file security."""
    made: dict[str, Any] = {
        "channel": Channel.SCX,
        "scx_type": scx_type,
        "agreement": OFTP2_AGREEMENT,
        "usages": OFTP2_USAGES,
        "assignments": tuple(theirs(CURRENT, usage) for usage in OFTP2_USAGES),
        "envelope": Envelope(sender="O0013BRAVO", claimed=None, signer=None, session_authenticated=True),
        "respond_by": None,
    }
    return a_case(**(made | changes))


def with_terms(agreement: Agreement, **terms: Any) -> Agreement:
    build = as2_terms if agreement.protocol is Protocol.AS2 else oftp2_terms
    return replace(agreement, terms=build(**terms))


def with_exchange(agreement: Agreement, **terms: Any) -> Agreement:
    return replace(agreement, exchange=ExchangeTerms(**terms))


POLICIES = {p.code: p for p in ENVELOPE_CHAIN + CERTIFICATE_CHAIN + RELATION_CHAIN}


def ask(code: str, case: Input) -> Finding | None:
    return POLICIES[code](case)


def severity(code: str, case: Input) -> Severity | None:
    finding = ask(code, case)
    return finding.severity if finding else None
