"""A partner's Replace: the new certificate is in use at once, the matching one is taken from that partner alone, and comes back."""

from pathlib import Path

import pytest

from counterseal.domain.channel import SCXType
from counterseal.domain.community import HandlingMode
from counterseal.domain.offer import OfferedState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine import certificates, replacement
from counterseal.engine.oftp2.securing import repeatable
from counterseal.engine.relationship import gather
from counterseal.kernel.ids import Fingerprint
from tests import builders as b
from tests.engine.oftp2.certificate_sender import (
    NEXT,
    accept,
    alpha_and_bravo,
    bring,
    change_agreement,
    offer_of,
    receipts,
    theirs,
)
from tests.engine.oftp2.pair import USAGES, Gateway, Session
from tests.gateway import ADMINISTRATOR

ACTIVE, RETIRING, RETIRED = AssignmentState.ACTIVE, AssignmentState.RETIRING, AssignmentState.RETIRED


def old_of(alpha: Gateway) -> Fingerprint:
    with alpha.ports.store.read() as reader:
        rows = reader.assignments(agreement_id=alpha.agreement.id, side=Side.THEIRS)
    return next(a.fingerprint for a in rows if a.fingerprint != NEXT.certificate.fingerprint)


def test_an_accepted_replace_ends_the_matching_one_at_once(tmp_path: Path) -> None:
    """SCX-27: unused for every new operation; held, so that past evidence can still be checked."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        sent = bring(alpha, bravo, NEXT.der, SCXType.REPLACE)
        assert theirs(alpha) == {"old": ACTIVE}

        accept(alpha)
        Session(bravo, alpha).run()

        assert receipts(bravo, sent) == ["EERP"]
        assert all(theirs(alpha, usage) == {"old": RETIRED, "next": ACTIVE} for usage in USAGES)
        old = old_of(alpha)
        with alpha.ports.store.read() as reader:
            around = gather(reader, alpha.agreement.id)
            assert reader.find_certificate(alpha.agreement.community_id, old) is not None
        assert [h.fingerprint for h in around.acceptors(Side.THEIRS, Usage.FILE_SIGN)] == [NEXT.certificate.fingerprint]


def test_what_was_encrypted_to_the_replaced_one_is_made_again(tmp_path: Path) -> None:
    """oftp2-scx.md 6.7: never resend queued ciphertext made for a replaced certificate."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        bring(alpha, bravo, NEXT.der, SCXType.REPLACE)
        document = alpha.send(b"UNB+UNOA:1")

        def is_kept() -> bool:
            with alpha.ports.store.read() as reader:
                return repeatable(reader, document, gather(reader, alpha.agreement.id)) is not None

        assert is_kept()
        accept(alpha)
        assert not is_kept()


def test_a_replace_ends_the_uses_that_it_takes_over_and_no_others(tmp_path: Path) -> None:
    """SCX-21, SCX-28: where another certificate serves a use it stays."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        other = b.mint("Bravo Sessions", key=b.rsa_key(4))
        partner = alpha.agreement.partner_id
        held = certificates.add_partner_certificate(alpha.ports, ADMINISTRATOR, partner, content=other.der)
        certificates.assign(
            alpha.ports,
            ADMINISTRATOR,
            alpha.agreement.id,
            side=Side.THEIRS,
            usages=frozenset({Usage.RECEIPT_SIGN}),
            fingerprint=held.fingerprint,
        )
        bring(alpha, bravo, NEXT.der, SCXType.REPLACE)
        accept(alpha)

        with alpha.ports.store.read() as reader:
            rows = reader.assignments(agreement_id=alpha.agreement.id, side=Side.THEIRS)
        states = {a.usage: a.state for a in rows if a.fingerprint == held.fingerprint}
        assert states == {Usage.RECEIPT_SIGN: RETIRING}
        assert theirs(alpha, Usage.FILE_SIGN) == {"old": RETIRED, "next": ACTIVE}


@pytest.mark.parametrize("mode", [HandlingMode.RENEWALS, HandlingMode.AUTOMATIC])
def test_a_replace_for_nothing_of_this_partner_is_refused(tmp_path: Path, mode: HandlingMode) -> None:
    """SCX-10: a certificate of another partner, or none; nothing changes."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        change_agreement(alpha, mode=mode)
        sent = bring(alpha, bravo, b.mint("Charlie", key=b.rsa_key(4)).der, SCXType.REPLACE)

        (receipt,) = receipts(bravo, sent)
        assert "nothing to replace" in receipt
        assert theirs(alpha) == {"old": ACTIVE}


def test_a_person_takes_a_replace_back(tmp_path: Path) -> None:
    """oftp2-scx.md 6.8: the old one is current again, the new one still accepted; once."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        old = old_of(alpha)
        bring(alpha, bravo, NEXT.der, SCXType.REPLACE)
        offer, _ = offer_of(alpha)
        with pytest.raises(replacement.NothingToUndo):
            replacement.undo(alpha.ports, ADMINISTRATOR, offer.id)
        accept(alpha)

        replacement.undo(alpha.ports, ADMINISTRATOR, offer.id)

        with alpha.ports.store.read() as reader:
            around = gather(reader, alpha.agreement.id)
        for usage in USAGES:
            active = {
                a.fingerprint for a in around.assignments if a.usage is usage and a.side is Side.THEIRS and a.produces
            }
            accepted = {
                a.fingerprint for a in around.assignments if a.usage is usage and a.side is Side.THEIRS and a.accepts
            }
            assert active == {old}
            assert accepted == {old, NEXT.certificate.fingerprint}
        assert offer_of(alpha)[1].state is OfferedState.ACCEPTED
        with pytest.raises(replacement.NothingToUndo):
            replacement.undo(alpha.ports, ADMINISTRATOR, offer.id)


def test_a_deliver_has_nothing_to_take_back(tmp_path: Path) -> None:
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        bring(alpha, bravo, NEXT.der)
        accept(alpha)
        with pytest.raises(replacement.NothingToUndo):
            replacement.undo(alpha.ports, ADMINISTRATOR, offer_of(alpha)[0].id)
