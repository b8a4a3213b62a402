"""Product.md section 3: usage x side x state x produce/accept, each cell asserted."""

from datetime import timedelta
from itertools import product

import pytest

from counterseal.domain.resolve import (
    ROLES,
    AmbiguousProducer,
    accepted_by,
    acceptors,
    current,
    find,
    finding_about_use,
    producer,
)
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.kernel.finding import Severity
from counterseal.kernel.ids import Fingerprint
from tests.builders import NOW, a_certificate, a_held_certificate, an_assignment

# The table as it stands in product.md section 3: usage, then what ours and theirs do.
TABLE = """
    sign          produce  accept
    encrypt       accept   produce
    file-sign     produce  accept
    file-encrypt  accept   produce
    receipt-sign  produce  accept
    session-auth  accept   produce
    tls-server    produce  accept
    tls-client    produce  accept
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
EXPECTED = {
    (Usage(usage), side): word
    for usage, ours, theirs in ROWS
    for side, word in ((Side.OURS, ours), (Side.THEIRS, theirs))
}
ACCEPTING = {AssignmentState.STAGED, AssignmentState.ACTIVE, AssignmentState.RETIRING}
ONE, TWO, THREE = (Fingerprint(c * 64) for c in "abc")


def test_every_usage_and_side_has_one_role() -> None:
    assert {key: role.value for key, role in ROLES.items()} == EXPECTED
    assert set(ROLES) == set(product(Usage, Side))


@pytest.mark.parametrize(("usage", "side", "state"), list(product(Usage, Side, AssignmentState)))
def test_who_may_do_what_follows_the_table(usage: Usage, side: Side, state: AssignmentState) -> None:
    one = an_assignment(usage=usage, side=side, state=state, fingerprint=ONE)
    may_produce = EXPECTED[usage, side] == "produce" and state is AssignmentState.ACTIVE
    may_accept = EXPECTED[usage, side] == "accept" and state in ACCEPTING
    assert producer([one], side, usage) == (ONE if may_produce else None)
    assert acceptors([one], side, usage) == ((ONE,) if may_accept else ())
    assert current([one], side, usage) == (ONE if state is AssignmentState.ACTIVE else None)
    assert (find([one], side, usage, ONE) is not None) == (state in ACCEPTING)
    for other_usage, other_side in product(Usage, Side):
        if (other_usage, other_side) != (usage, side):
            assert producer([one], other_side, other_usage) is None
            assert acceptors([one], other_side, other_usage) == ()


def test_acceptors_are_active_then_staged_then_retiring_and_newest_first() -> None:
    states = [
        AssignmentState.RETIRING,
        AssignmentState.STAGED,
        AssignmentState.ACTIVE,
        AssignmentState.STAGED,
        AssignmentState.RETIRING,
    ]
    rows = [
        an_assignment(
            side=Side.THEIRS,
            usage=Usage.SIGN,
            state=state,
            fingerprint=str(i) * 64,
            created_at=NOW + timedelta(hours=i),
        )
        for i, state in enumerate(states)
    ]
    assert [f[0] for f in acceptors(rows, Side.THEIRS, Usage.SIGN)] == ["2", "3", "1", "4", "0"]


def test_two_active_ones_are_never_chosen_between() -> None:
    rows = [an_assignment(fingerprint=ONE), an_assignment(fingerprint=TWO)]
    with pytest.raises(AmbiguousProducer):
        producer(rows, Side.OURS, Usage.SIGN)


def test_nothing_assigned_means_nothing_produced_and_nothing_accepted() -> None:
    assert producer([], Side.OURS, Usage.SIGN) is None
    assert acceptors([], Side.THEIRS, Usage.SIGN) == ()


def test_accepted_by_needs_every_usage_and_at_least_one() -> None:
    rows = [an_assignment(side=Side.THEIRS, usage=Usage.SIGN, fingerprint=ONE)]
    assert accepted_by(rows, Side.THEIRS, {Usage.SIGN}, ONE)
    assert not accepted_by(rows, Side.THEIRS, {Usage.SIGN, Usage.ENCRYPT}, ONE)
    assert not accepted_by(rows, Side.THEIRS, set(), ONE)


def test_an_expired_certificate_still_decrypts_and_is_reported() -> None:
    """CEM-48: expired certificates are kept for old messages."""
    old = a_held_certificate(certificate=a_certificate(expires_in=timedelta(hours=-1)), side=Side.OURS)
    row = an_assignment(usage=Usage.ENCRYPT, fingerprint=old.fingerprint, state=AssignmentState.RETIRING)
    assert acceptors([row], Side.OURS, Usage.ENCRYPT) == (old.fingerprint,)
    finding = finding_about_use({old.fingerprint: old}, old.fingerprint, Usage.ENCRYPT, NOW)
    assert finding is not None
    assert (finding.code, finding.severity) == ("certificate.used-expired", Severity.WARNING)


@pytest.mark.parametrize(
    ("starts_in", "expires_in", "code"),
    [
        (timedelta(days=-1), timedelta(0), None),
        (timedelta(days=-1), timedelta(seconds=-1), "certificate.used-expired"),
        (timedelta(0), timedelta(days=1), None),
        (timedelta(seconds=1), timedelta(days=1), "certificate.used-early"),
    ],
)
def test_use_is_reported_exactly_outside_validity(starts_in: timedelta, expires_in: timedelta, code: str) -> None:
    held = a_held_certificate(certificate=a_certificate(starts_in=starts_in, expires_in=expires_in))
    finding = finding_about_use({held.fingerprint: held}, held.fingerprint, Usage.SIGN, NOW)
    assert (finding.code if finding else None) == code


def test_an_assigned_certificate_that_is_not_held_is_reported() -> None:
    finding = finding_about_use({}, THREE, Usage.SIGN, NOW)
    assert finding is not None
    assert finding.code == "certificate.not-held"
