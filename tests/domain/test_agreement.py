"""Terms that contradict each other cannot be built; rules fall back to the community's."""

from dataclasses import replace
from typing import Any

import pytest

from counterseal.domain.agreement import (
    Agreement,
    Cipher,
    ExchangeTerms,
    InvalidAgreement,
    Profile,
    cutover_rule,
    handling_mode,
)
from counterseal.domain.community import CommunityRules, CutoverRule, HandlingMode
from counterseal.domain.usage import BY_PROTOCOL, GROUPS, Protocol, Usage, UsageGroup, usages_of
from counterseal.kernel.keys import Digest
from tests.builders import an_agreement, as2_terms, oftp2_terms


@pytest.mark.parametrize(
    "terms",
    [
        {"profile": Profile.MODERN, "cipher": Cipher.TRIPLE_DES_CBC},
        {"digest": Digest.SHA1},
        {"digest": Digest.MD5},
        {"answer_204": True},
        {"url": "ftp://bravo.example"},
    ],
)
def test_as2_terms_that_contradict_each_other_are_refused(terms: dict[str, Any]) -> None:
    with pytest.raises(InvalidAgreement):
        as2_terms(**terms)


@pytest.mark.parametrize(
    "terms",
    [
        {"buffer_bytes": 127},
        {"buffer_bytes": 100_000},
        {"credit": 1},
        {"credit": 1000},
        {"cipher_suite": 0},
        {"cipher_suite": 7},
    ],
)
def test_oftp2_terms_outside_the_standard_are_refused(terms: dict[str, Any]) -> None:
    with pytest.raises(InvalidAgreement):
        oftp2_terms(**terms)


def test_terms_at_their_bounds_are_taken() -> None:
    as2_terms(profile=Profile.RFC4130, cipher=Cipher.TRIPLE_DES_CBC)
    as2_terms(profile=Profile.MODERN, answer_204=True)
    for bound in (
        {"buffer_bytes": 128, "credit": 2, "cipher_suite": 1},
        {"buffer_bytes": 99_999, "credit": 999, "cipher_suite": 6},
    ):
        oftp2_terms(**bound)


def test_terms_of_the_other_protocol_are_refused() -> None:
    with pytest.raises(InvalidAgreement):
        an_agreement(protocol=Protocol.OFTP2, terms=as2_terms())
    with pytest.raises(InvalidAgreement):
        _ = an_agreement().oftp2
    with pytest.raises(InvalidAgreement):
        _ = an_agreement(protocol=Protocol.OFTP2).as2


RULES = CommunityRules(cem_mode=HandlingMode.RENEWALS, scx_mode=HandlingMode.AUTOMATIC)


@pytest.mark.parametrize(
    ("agreement", "mode"),
    [
        (an_agreement(), HandlingMode.RENEWALS),
        (an_agreement(protocol=Protocol.OFTP2), HandlingMode.AUTOMATIC),
        (an_agreement(exchange=ExchangeTerms(mode=HandlingMode.MANUAL)), HandlingMode.MANUAL),
        (an_agreement(exchange=ExchangeTerms(enabled=False, mode=HandlingMode.AUTOMATIC)), HandlingMode.OFF),
    ],
)
def test_the_agreement_overrides_the_community(agreement: Agreement, mode: HandlingMode) -> None:
    assert handling_mode(agreement, RULES) is mode


@pytest.mark.parametrize("protocol", Protocol)
def test_our_certificates_change_on_acceptance_unless_the_agreement_says_otherwise(protocol: Protocol) -> None:
    agreement = an_agreement(protocol=protocol)
    assert cutover_rule(agreement) is CutoverRule.ON_ACCEPTANCE
    by_date = replace(agreement, exchange=ExchangeTerms(cutover=CutoverRule.ON_ACCEPTANCE_OR_DATE))
    assert cutover_rule(by_date) is CutoverRule.ON_ACCEPTANCE_OR_DATE


def test_every_usage_belongs_to_one_group_and_to_a_protocol() -> None:
    grouped = [usage for group in UsageGroup for usage in GROUPS[group]]
    assert sorted(grouped) == sorted(Usage)
    assert BY_PROTOCOL[Protocol.AS2] | BY_PROTOCOL[Protocol.OFTP2] == set(Usage)


def test_a_group_means_what_the_protocol_knows_of_it() -> None:
    signing = frozenset({UsageGroup.SIGNING})
    assert usages_of(signing, Protocol.AS2) == {Usage.SIGN}
    assert usages_of(signing, Protocol.OFTP2) == {Usage.FILE_SIGN, Usage.RECEIPT_SIGN}
    assert usages_of(frozenset(UsageGroup), Protocol.AS2) == BY_PROTOCOL[Protocol.AS2]
