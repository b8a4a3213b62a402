"""The pre-flight of SCX: what each kind of partner makes of a certificate, why, what to change; and what answers teach."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from counterseal.domain.channel import SCXRule, SCXType
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.wizard import Preflight, PreflightLine, RuleSource, learn
from counterseal.engine.relationship import gather
from counterseal.engine.scx_preflight import line_for
from counterseal.engine.views import preflight as views
from counterseal.kernel.ids import AssignmentId
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, KeyUsageBit
from tests import builders as b
from tests.engine.oftp2.certificate_partner import Answer, CertificatePartner, accepts, rejects
from tests.engine.oftp2.certificate_story import NEW, USED, hold, start
from tests.engine.oftp2.pair import Gateway, two_gateways

CA = b.mint_ca()
ANOTHER = {
    "equal": NEW,
    "subject": b.mint("Alpha Arrows", key=b.rsa_key(2)),
    "issuer": b.mint("Alpha", key=b.rsa_key(2), issuer=CA),
    "key usage": b.mint("Alpha", key=b.rsa_key(2), key_usage=[KeyUsageBit.DIGITAL_SIGNATURE]),
    "purpose": b.mint("Alpha", key=b.rsa_key(2), extended_key_usage=[SERVER_AUTH, CLIENT_AUTH]),
    "e-mail purpose": b.mint("Alpha", key=b.rsa_key(2), extended_key_usage=["1.3.6.1.5.5.7.3.4"]),
}
"""Beside the one in use: self-signed, key usage for both, no extended key usage."""
WILL, MAY, WILL_NOT = Preflight


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Gateway]:
    with two_gateways(tmp_path) as (gateway, _):
        yield gateway


def rule(gateway: Gateway, name: str, learned: str | None = None) -> None:
    with gateway.ports.store.write() as writer:
        agreement = writer.agreement(gateway.agreement.id)
        writer.put(replace(agreement, terms=replace(agreement.oftp2, scx_rule=name), scx_learned=learned))


def line(
    gateway: Gateway, new: b.Minted, kind: SCXType | None = None, usages: frozenset[Usage] = USED
) -> PreflightLine:
    with gateway.ports.store.read() as reader:
        found = gather(reader, gateway.agreement.id)
    return line_for(found.agreement, new.certificate, usages, kind, found.assignments, found.held)


TABLE = {
    "equal": (WILL, WILL, WILL, WILL, WILL),
    "subject": (WILL_NOT, WILL_NOT, WILL_NOT, WILL, MAY),
    "issuer": (WILL_NOT, WILL_NOT, WILL_NOT, WILL, MAY),
    "key usage": (WILL_NOT, WILL_NOT, WILL_NOT, WILL, MAY),
    "purpose": (WILL_NOT, WILL, WILL_NOT, WILL, MAY),
    "e-mail purpose": (WILL_NOT, WILL, WILL, WILL, MAY),
}
"""In the order exact, no-eku, clid, lenient, unknown: Activator, TSIM, Cleo, Oftp4Net (oftp2-scx.md 6.4)."""


@pytest.mark.parametrize("what", TABLE)
def test_each_kind_of_partner_has_its_own_forecast(alpha: Gateway, what: str) -> None:
    """SCX-16 and SCX-18 as others apply them to us."""
    found = []
    for name in ("exact", "no-eku", "clid", "lenient", "unknown"):
        rule(alpha, name)
        found.append(line(alpha, ANOTHER[what]).result)
    assert tuple(found) == TABLE[what]


def test_it_says_what_matches_what_not_and_what_to_change(alpha: Gateway) -> None:
    rule(alpha, "exact")
    found = line(alpha, ANOTHER["purpose"])
    assert found.equal == ("issuer", "subject", "key usage")
    assert [(d.field, d.old, d.new) for d in found.different] == [
        ("extended key usage", "absent", "clientAuth, serverAuth")
    ]
    assert found.text == "Extended key usage differs from what it has. Expect a NERP."
    assert found.advice[0] == "Make it without extended key usage."
    renamed = line(alpha, ANOTHER["subject"])
    assert renamed.advice[0].startswith("Make it with subject ")
    assert not any(a.startswith("Have it issued") for a in renamed.advice)  # self-signed: the subject is the issuer
    assert line(alpha, ANOTHER["issuer"]).advice[0].startswith("Have it issued by ")


def test_the_message_names_the_old_one_and_lenient_partners_find_it(alpha: Gateway) -> None:
    rule(alpha, "lenient")
    found = line(alpha, ANOTHER["subject"])
    assert "the message names the old certificate" in found.text
    assert found.advice == ()


def test_of_two_certificates_only_the_named_one_is_found_by_name(alpha: Gateway) -> None:
    """One file names one certificate: the other usage stays where it is, which is said before Finish."""
    other = b.mint("Alpha for files", key=b.rsa_key(3))
    fingerprint = hold(alpha, other)
    with alpha.ports.store.write() as writer:
        for old in writer.assignments(agreement_id=alpha.agreement.id, side=Side.OURS):
            if old.usage is Usage.FILE_SIGN:
                writer.put(replace(old, state=AssignmentState.RETIRED))
                writer.put(replace(old, id=AssignmentId("another"), fingerprint=fingerprint))
    rule(alpha, "lenient")
    found = line(alpha, ANOTHER["subject"])
    assert found.result is MAY
    assert "but not of" in found.text
    assert "(file-sign)" in found.text


def test_without_one_of_ours_it_is_a_first_exchange(alpha: Gateway) -> None:
    found = line(alpha, NEW, usages=frozenset({Usage.TLS_CLIENT}))
    assert (found.result, "first exchange" in found.text) == (MAY, True)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("clid", SCXType.REPLACE, "send them the others again"),
        ("lenient", SCXType.REQUEST, "only when it accepts ours"),
    ],
)
def test_what_a_type_does_besides_is_said_too(alpha: Gateway, name: str, kind: SCXType, words: str) -> None:
    rule(alpha, name)
    assert words in line(alpha, NEW, kind).advice[-1]
    assert line(alpha, NEW, SCXType.DELIVER).advice == ()


# learned


@pytest.mark.parametrize(
    ("answer", "left"),
    [(accepts, "no-eku lenient"), (rejects("Usage not equal"), "exact clid")],
)
def test_an_answer_teaches_where_rules_differ(alpha: Gateway, answer: Answer, left: str) -> None:
    bravo = CertificatePartner(answer=answer)
    start(alpha, minted=ANOTHER["purpose"])
    bravo.call(alpha)
    with alpha.ports.store.read() as reader:
        agreement = reader.agreement(alpha.agreement.id)
    assert agreement.scx_learned == left
    found = line(alpha, ANOTHER["subject"])
    assert (found.source, " ".join(found.rules)) == (RuleSource.LEARNED, left)


@pytest.mark.parametrize("answer", [accepts, rejects("switched off")])
def test_an_answer_to_an_equal_certificate_teaches_nothing(alpha: Gateway, answer: Answer) -> None:
    bravo = CertificatePartner(answer=answer)
    start(alpha)
    bravo.call(alpha)
    with alpha.ports.store.read() as reader:
        assert reader.agreement(alpha.agreement.id).scx_learned is None


def test_what_is_set_counts_before_what_was_learned(alpha: Gateway) -> None:
    rule(alpha, "exact", learned="lenient")
    found = line(alpha, NEW)
    assert (found.rules, found.source) == ((SCXRule.EXACT,), RuleSource.SET)


def test_contradicting_answers_leave_every_rule_possible() -> None:
    by_eku = {SCXRule.EXACT: False, SCXRule.NO_EKU: True, SCXRule.CLID: False, SCXRule.LENIENT: True}
    first = learn(tuple(SCXRule), by_eku, accepted=True)
    assert first == (SCXRule.NO_EKU, SCXRule.LENIENT)
    assert learn(first, by_eku, accepted=False) == first  # they agree: a rejection has another reason
    by_name = {SCXRule.EXACT: False, SCXRule.NO_EKU: False, SCXRule.CLID: False, SCXRule.LENIENT: True}
    assert learn(first, by_name, accepted=False) == (SCXRule.NO_EKU,)


# every partner at once


def test_records_are_for_the_named_ones_or_for_everybody(alpha: Gateway) -> None:
    with alpha.ports.store.read() as reader:
        community = reader.community(alpha.agreement.community_id)
        everybody = views.records(reader, community, NEW.certificate, usages=USED, kind=None, agreement_ids=[])
        named = views.records(
            reader, community, NEW.certificate, usages=USED, kind=None, agreement_ids=[alpha.agreement.id]
        )
    assert everybody == named
    assert [(r.partner, r.result, r.rule_source) for r in named] == [("bravo", "will match", "unknown")]


def test_a_partner_that_cannot_be_told_is_named_with_the_reason(alpha: Gateway) -> None:
    off = replace(alpha.agreement, exchange=replace(alpha.agreement.exchange, enabled=False))
    with alpha.ports.store.write() as writer:
        writer.put(off)
    with alpha.ports.store.read() as reader:
        community = reader.community(off.community_id)
        assert views.records(reader, community, NEW.certificate, usages=USED, kind=None, agreement_ids=[]) == []
        with pytest.raises(views.NotOverSCX, match="switched off in the agreement"):
            views.records(reader, community, NEW.certificate, usages=USED, kind=None, agreement_ids=[off.id])


def test_a_partner_with_entered_identities_is_told_what_to_enter(alpha: Gateway) -> None:
    """SCX-22, from the other side: Cleo and !MC5 take a new subject once it was entered there."""
    rule(alpha, "clid")
    advice = line(alpha, ANOTHER["subject"]).advice
    assert advice[-1].startswith("Or let it enter the new identity before: ")
    assert "Alpha Arrows" in advice[-1]
