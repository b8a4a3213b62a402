"""What is taken at the door: names, then requirements, then evidence (product.md sections 8 and 9)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from counterseal.domain.admission import (
    Admitted,
    Duplicate,
    Earlier,
    Head,
    Opened,
    RefusalCode,
    Refused,
    decide_admission,
    decide_head,
)
from counterseal.domain.agreement import Agreement
from counterseal.domain.document import DocumentKind
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.kernel.finding import Severity
from counterseal.kernel.ids import DocumentId, Fingerprint
from tests.builders import (
    NOW,
    a_certificate,
    a_held_certificate,
    a_station,
    an_agreement,
    an_assignment,
    as2_terms,
    oftp2_terms,
    rsa_key,
)

THEIRS = a_held_certificate(certificate=a_certificate("Bravo Bows", key=rsa_key(1)))
OURS = a_held_certificate(certificate=a_certificate(), side=Side.OURS)
HELD = {c.fingerprint: c for c in (THEIRS, OURS)}
STRANGE = Fingerprint("ee" * 32)
DIGEST = "cd" * 32


def rows(state: AssignmentState = AssignmentState.ACTIVE, protocol: Protocol = Protocol.AS2) -> tuple[Any, ...]:
    sign, encrypt = (Usage.SIGN, Usage.ENCRYPT) if protocol is Protocol.AS2 else (Usage.FILE_SIGN, Usage.FILE_ENCRYPT)
    return (
        an_assignment(side=Side.THEIRS, usage=sign, fingerprint=THEIRS.fingerprint, state=state),
        an_assignment(side=Side.OURS, usage=encrypt, fingerprint=OURS.fingerprint, state=state),
    )


def opened(**changes: Any) -> Opened:
    made = Opened(
        kind=DocumentKind.BUSINESS,
        message_id="m1@bravo",
        content_digest=DIGEST,
        signed=True,
        signer=THEIRS.fingerprint,
        encrypted=True,
        recipient=OURS.fingerprint,
        earlier=(),
    )
    return replace(made, **changes)


def agreement(**terms: bool) -> Agreement:
    return an_agreement(terms=as2_terms(**terms))


def decide(said: Opened, under: Agreement | None = None, state: AssignmentState = AssignmentState.ACTIVE) -> Any:
    under = under or agreement()
    return decide_admission(said, under, rows(state, under.protocol), HELD, NOW)


# the head


def test_known_names_lead_to_their_agreement() -> None:
    known = agreement()
    assert decide_head(Head(sender="BRAVO", receiver="ALPHA", station=a_station(), agreement=known)) is known


@pytest.mark.parametrize(
    ("station", "under", "code"),
    [
        (None, None, "admission.unknown-station"),
        (a_station(enabled=False), agreement(), "admission.unknown-station"),
        (a_station(), None, "admission.unknown-partner"),
        (a_station(), replace(agreement(), active=False), "admission.inactive"),
    ],
)
def test_a_stranger_is_refused_in_the_same_words_whatever_is_unknown(station: Any, under: Any, code: str) -> None:
    """So that nobody learns which of the two names exists here."""
    refused = decide_head(Head(sender="BRAVO", receiver="ALPHA", station=station, agreement=under))
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.UNKNOWN_RELATIONSHIP
    assert refused.text == "No agreement is known here between 'BRAVO' and 'ALPHA'. Compare both names."
    assert [f.code for f in refused.findings] == [code]


# what the agreement requires

YES: dict[str, Any] = {}
UNSIGNED, PLAIN = {"signed": False, "signer": None}, {"encrypted": False, "recipient": None}
BARE = UNSIGNED | PLAIN
BUSINESS, REQUEST, RESPONSE, SCX = DocumentKind


@pytest.mark.parametrize(
    ("kind", "came", "require_signed", "require_encrypted", "refused"),
    [
        (BUSINESS, YES, True, True, False),
        (BUSINESS, UNSIGNED, True, True, True),
        (BUSINESS, UNSIGNED, False, True, False),
        (BUSINESS, PLAIN, True, True, True),
        (BUSINESS, PLAIN, True, False, False),
        (BUSINESS, BARE, False, False, False),
        (REQUEST, PLAIN, True, True, False),
        (REQUEST, UNSIGNED, True, True, True),
        (REQUEST, UNSIGNED, False, True, False),
        (RESPONSE, PLAIN, True, True, False),
        (RESPONSE, UNSIGNED, True, True, True),
        (SCX, BARE, True, True, False),
    ],
)
def test_security_is_required_as_agreed(
    kind: DocumentKind, came: dict[str, Any], *, require_signed: bool, require_encrypted: bool, refused: bool
) -> None:
    """Row 2, CEM-47; encryption of certificate messages is open (CEM-11), SCX files are always bare (SCX-3)."""
    terms = {"require_signed": require_signed, "require_encrypted": require_encrypted}
    under = an_agreement(protocol=Protocol.OFTP2, terms=oftp2_terms(**terms)) if kind is SCX else agreement(**terms)
    decision = decide(opened(kind=kind, **came), under)
    assert isinstance(decision, Refused) is refused
    if refused:
        assert decision.code is RefusalCode.INSUFFICIENT_SECURITY
        assert decision.findings[0].severity is Severity.REFUSAL


@pytest.mark.parametrize("signer", [None, STRANGE])
@pytest.mark.parametrize("require_signed", [True, False])
def test_row_3_a_signature_by_no_accepted_certificate_is_refused_also_where_none_is_required(
    signer: Fingerprint | None, *, require_signed: bool
) -> None:
    decision = decide(opened(signer=signer), agreement(require_signed=require_signed))
    assert isinstance(decision, Refused)
    assert decision.code is RefusalCode.AUTHENTICATION_FAILED


@pytest.mark.parametrize("state", [AssignmentState.RETIRED, AssignmentState.REVOKED])
def test_a_retired_signer_is_refused(state: AssignmentState) -> None:
    decision = decide(opened(), state=state)
    assert isinstance(decision, Refused)
    assert decision.code is RefusalCode.AUTHENTICATION_FAILED


@pytest.mark.parametrize(
    ("state", "codes"),
    [
        (AssignmentState.STAGED, []),
        (AssignmentState.ACTIVE, []),
        (AssignmentState.RETIRING, ["admission.old-certificate"] * 2),
    ],
)
def test_old_and_new_certificates_are_taken_and_the_old_is_noted(state: AssignmentState, codes: list[str]) -> None:
    """CEM-41; section 3, rule 6: the assignments that were used are named, to be marked as seen."""
    decision = decide(opened(), state=state)
    assert isinstance(decision, Admitted)
    assert [f.code for f in decision.findings] == codes
    assert decision.signed_with is not None
    assert decision.encrypted_to is not None
    assert (decision.signed_with.fingerprint, decision.encrypted_to.fingerprint) == (
        THEIRS.fingerprint,
        OURS.fingerprint,
    )


def test_an_oftp2_file_is_measured_by_its_own_usages() -> None:
    under = an_agreement(protocol=Protocol.OFTP2)
    decision = decide(opened(), under)
    assert isinstance(decision, Admitted)
    assert decision.signed_with is not None
    assert decision.signed_with.usage is Usage.FILE_SIGN


def test_an_unsigned_message_is_taken_with_a_note_where_that_is_agreed() -> None:
    decision = decide(opened(**UNSIGNED), agreement(require_signed=False))
    assert isinstance(decision, Admitted)
    assert [f.code for f in decision.findings] == ["admission.unsigned"]
    assert decision.signed_with is None


def test_expired_certificates_are_taken_and_reported() -> None:
    """CEM-48."""
    under = agreement()
    decision = decide_admission(opened(), under, rows(), HELD, NOW + timedelta(days=400))
    assert isinstance(decision, Admitted)
    assert [f.code for f in decision.findings] == ["certificate.used-expired"] * 2


# duplicates


def earlier(digest: str = DIGEST, *, refused: bool = False) -> Earlier:
    return Earlier(document_id=DocumentId("d1"), content_digest=digest, refused=refused)


def test_row_22_the_same_id_with_the_same_content_is_a_duplicate() -> None:
    assert decide(opened(earlier=(earlier(),))) == Duplicate(of=DocumentId("d1"))


def test_the_same_id_with_other_content_is_refused_and_shown() -> None:
    decision = decide(opened(earlier=(earlier("ef" * 32),)))
    assert isinstance(decision, Refused)
    assert decision.code is RefusalCode.DUPLICATE_ID
    assert [(f.code, f.severity) for f in decision.findings] == [("admission.id-reused", Severity.REFUSAL)]


def test_what_was_refused_before_may_come_again_under_its_id() -> None:
    decision = decide(opened(earlier=(earlier(refused=True),)))
    assert isinstance(decision, Admitted)
    assert decision.findings == ()


def test_a_duplicate_is_only_found_behind_the_signature() -> None:
    """product.md section 9: the message is opened first, so a stranger cannot fetch a stored receipt."""
    decision = decide(opened(earlier=(earlier(),), signer=STRANGE))
    assert isinstance(decision, Refused)
