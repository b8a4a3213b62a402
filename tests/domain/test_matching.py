"""What an SCX certificate is for: by what it matches, else by what it allows (oftp2-scx.md 6.4)."""

from datetime import timedelta
from typing import Any

import pytest

from counterseal.domain.policies.matching import Match, default_usages, match_scx
from counterseal.domain.policies.renewal import differing_fields
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.kernel.ids import Fingerprint
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate, KeyUsageBit
from tests.builders import NOW, a_certificate, an_assignment, rsa_key
from tests.domain.policy_cases import CURRENT, NEWCOMER, RENEWAL, held, theirs

FILES = frozenset({Usage.FILE_SIGN, Usage.FILE_ENCRYPT, Usage.RECEIPT_SIGN, Usage.SESSION_AUTH})
ALL = FILES | {Usage.TLS_SERVER, Usage.TLS_CLIENT}
NONE: frozenset[Fingerprint] = frozenset()
DS, KE = KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_ENCIPHERMENT


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [
        (a_certificate(extended_key_usage=[SERVER_AUTH, CLIENT_AUTH]), {Usage.TLS_SERVER, Usage.TLS_CLIENT}),
        (a_certificate(extended_key_usage=[SERVER_AUTH]), {Usage.TLS_SERVER}),
        (a_certificate(extended_key_usage=[CLIENT_AUTH]), {Usage.TLS_CLIENT}),
        (a_certificate(key_usage=None), FILES),
        (a_certificate(key_usage=(DS, KE)), FILES),
        (a_certificate(key_usage=(DS,)), {Usage.FILE_SIGN, Usage.RECEIPT_SIGN}),
        (a_certificate(key_usage=(KE,)), {Usage.FILE_ENCRYPT, Usage.SESSION_AUTH}),
        (a_certificate(key_usage=(KeyUsageBit.CRL_SIGN,)), set()),
    ],
)
def test_the_defaults_follow_extended_key_usage_then_key_usage(certificate: Certificate, expected: set[Usage]) -> None:
    """SCX-24."""
    assert default_usages(certificate) == expected
    assert match_scx(certificate, (), {}, named_old=NONE) == Match(usages=frozenset(expected), matched=None)


def test_it_takes_over_what_the_matched_one_is_used_for() -> None:
    """SCX-21: a certificate for another purpose is not displaced."""
    rows = (theirs(CURRENT, Usage.FILE_SIGN), theirs(NEWCOMER, Usage.FILE_ENCRYPT))
    match = match_scx(RENEWAL, rows, held(CURRENT, NEWCOMER), named_old=NONE)
    assert match == Match(usages=frozenset({Usage.FILE_SIGN}), matched=CURRENT.fingerprint)


def test_a_certificate_with_server_and_client_auth_serves_all_roles_of_its_predecessor() -> None:
    """SCX-24: extended key usage alone does not say "not for signing"."""
    old = a_certificate("Odette", key=rsa_key(1), extended_key_usage=[SERVER_AUTH, CLIENT_AUTH])
    new = a_certificate("Odette", key=rsa_key(2), extended_key_usage=[SERVER_AUTH, CLIENT_AUTH])
    match = match_scx(new, tuple(theirs(old, usage) for usage in ALL), held(old), named_old=NONE)
    assert match.usages == ALL


def test_of_several_matches_the_newest_that_leaves_a_usage_decides() -> None:
    """SCX-25."""
    sign_only = {"key_usage": (DS,)}
    older = a_certificate("Bravo", key=rsa_key(1), serial=1, **sign_only)
    newer = a_certificate("Bravo", key=rsa_key(1), serial=2, **sign_only)
    new = a_certificate("Bravo", key=rsa_key(2), serial=3, **sign_only)
    at: Any = {"created_at": NOW + timedelta(hours=1)}
    store = held(older, newer)
    both = (theirs(older, Usage.FILE_SIGN), theirs(newer, Usage.RECEIPT_SIGN, **at))
    assert match_scx(new, both, store, named_old=NONE).matched == newer.fingerprint
    useless = (theirs(older, Usage.FILE_SIGN), theirs(newer, Usage.FILE_ENCRYPT, **at))
    assert match_scx(new, useless, store, named_old=NONE) == Match(
        usages=frozenset({Usage.FILE_SIGN}), matched=older.fingerprint
    )


def test_a_clid_is_tried_first_and_matches_another_subject() -> None:
    """SCX-18, SCX-20."""
    rows = (theirs(CURRENT, Usage.FILE_SIGN), theirs(NEWCOMER, Usage.FILE_ENCRYPT))
    match = match_scx(RENEWAL, rows, held(CURRENT, NEWCOMER), named_old=frozenset({NEWCOMER.fingerprint}))
    assert match == Match(usages=frozenset({Usage.FILE_ENCRYPT}), matched=NEWCOMER.fingerprint)


def test_one_delivered_again_keeps_its_usages() -> None:
    """SCX-33."""
    match = match_scx(CURRENT, (theirs(CURRENT, Usage.FILE_SIGN),), held(CURRENT), named_old=NONE)
    assert match == Match(usages=frozenset({Usage.FILE_SIGN}), matched=CURRENT.fingerprint)


def test_ours_and_retired_ones_match_nothing() -> None:
    rows = (
        an_assignment(side=Side.OURS, fingerprint=CURRENT.fingerprint, usage=Usage.FILE_SIGN),
        theirs(CURRENT, Usage.FILE_SIGN, AssignmentState.RETIRED),
    )
    assert match_scx(RENEWAL, rows, held(CURRENT), named_old=NONE).matched is None


@pytest.mark.parametrize(
    ("certificate", "fields"),
    [
        (
            a_certificate(
                "Bravo Bows", key=rsa_key(4), serial=99, expires_in=timedelta(days=9), dns_names=["x.example"]
            ),
            (),
        ),
        (a_certificate("Other", key=rsa_key(1)), ("subject", "issuer")),
        (a_certificate("Bravo Bows", key=rsa_key(1), key_usage=(DS,)), ("key usage",)),
        (a_certificate("Bravo Bows", key=rsa_key(1), key_usage=None), ("key usage",)),
        (a_certificate("Bravo Bows", key=rsa_key(1), extended_key_usage=[SERVER_AUTH]), ("extended key usage",)),
        (a_certificate("BRAVO  bows", key=rsa_key(1)), ()),
    ],
)
def test_four_fields_match_and_nothing_else_counts(certificate: Certificate, fields: tuple[str, ...]) -> None:
    """SCX-16, SCX-17: serial, key, validity and alternative names may differ; case and spacing of names do not count."""
    assert differing_fields(CURRENT, certificate) == fields
