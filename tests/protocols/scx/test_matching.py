"""Which certificate a new one succeeds: a table per product rule, and the forecast that the wizard shows."""

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from counterseal.kernel.x509 import Certificate
from counterseal.protocols.scx.logical_id import logical_id
from counterseal.protocols.scx.matching import (
    RULES,
    Attribute,
    Match,
    MatchPath,
    MatchRule,
    PresetId,
    Stored,
    Use,
    fits_preset,
    flags,
    match,
    possible_uses,
    usage_defaults,
)
from counterseal.protocols.scx.preflight import preflight
from tests.protocols.scx.minting import BOTH, certificate

SERVER, CLIENT = BOTH
EMAIL = "1.3.6.1.5.5.7.3.4"
ALL = frozenset(Use)
MESSAGES = frozenset({Use.SIGNING, Use.ENCRYPTION})
TLS = frozenset({Use.TLS_SERVER, Use.TLS_CLIENT})

OLD = certificate()
STORED = (Stored(certificate=OLD, uses=ALL),)

# -------------------------------------------------------------------------------------------------------------- usages

USAGES: dict[str, tuple[Certificate, frozenset[Use], frozenset[Use]]] = {
    # what: certificate, Activator's reading, ours
    "Odette profile: DS KE, server and client": (OLD, TLS, ALL),
    "server only": (certificate(purposes=[SERVER]), frozenset({Use.TLS_SERVER}), MESSAGES | {Use.TLS_SERVER}),
    "client only": (certificate(purposes=[CLIENT]), frozenset({Use.TLS_CLIENT}), MESSAGES | {Use.TLS_CLIENT}),
    "purpose that is not TLS": (certificate(purposes=[EMAIL]), MESSAGES, MESSAGES),
    "no purposes, DS KE": (certificate(purposes=None), MESSAGES, ALL),
    "no purposes, DS": (certificate(usage="DS", purposes=None), frozenset({Use.SIGNING}), TLS | {Use.SIGNING}),
    "no purposes, KE": (certificate(usage="KE", purposes=None), frozenset({Use.ENCRYPTION}), TLS | {Use.ENCRYPTION}),
    "neither": (certificate(usage=None, purposes=None), MESSAGES, ALL),
    "no key usage, server": (
        certificate(usage=None, purposes=[SERVER]),
        frozenset({Use.TLS_SERVER}),
        MESSAGES | {Use.TLS_SERVER},
    ),
    "key usage that fits nothing": (certificate(usage="CRL", purposes=None), frozenset(), frozenset()),
}


@pytest.mark.parametrize(("new", "theirs", "ours"), USAGES.values(), ids=USAGES.keys())
def test_uses_follow_purposes_then_key_usage(new: Certificate, theirs: frozenset[Use], ours: frozenset[Use]) -> None:
    """SCX-24: an Odette certificate is TLS only to one product, and can serve all roles with us."""
    assert usage_defaults(new) == theirs
    assert possible_uses(new) == ours


# ------------------------------------------------------------------------------------------------------------- the rules

NEW: dict[str, Certificate] = {
    "renewed": certificate(number=1),
    "name printed otherwise": certificate(
        x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "a0"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ALPHA,  Ltd."),
                x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            ]
        )
    ),
    "another subject": certificate("A3"),
    "another issuer": certificate(issuer="CB"),
    "another key usage": certificate(usage="DS"),
    "purpose missing": certificate(purposes=[SERVER]),
    "purposes absent": certificate(purposes=None),
    "purpose more": certificate(purposes=[*BOTH, EMAIL]),
    "non-repudiation more": certificate(usage="DS NR KE"),
}

E, L = MatchPath.EXACT, MatchPath.LENIENT
EXPECTED: dict[str, dict[MatchRule, MatchPath | None]] = {
    # new certificate                       exact      without-eku  lenient   clid (none came)  flags
    "renewed": dict(zip(MatchRule, (E, E, E, E, E), strict=True)),
    "name printed otherwise": dict(zip(MatchRule, (E, E, E, E, E), strict=True)),
    "another subject": dict(zip(MatchRule, (None, None, None, None, None), strict=True)),
    "another issuer": dict(zip(MatchRule, (None, None, None, None, None), strict=True)),
    "another key usage": dict(zip(MatchRule, (None, None, None, None, None), strict=True)),
    "purpose missing": dict(zip(MatchRule, (None, L, None, None, None), strict=True)),
    "purposes absent": dict(zip(MatchRule, (None, L, L, L, None), strict=True)),
    "purpose more": dict(zip(MatchRule, (None, L, None, None, L), strict=True)),
    "non-repudiation more": dict(zip(MatchRule, (None, None, None, None, L), strict=True)),
}
CASES = [(what, rule, path) for what, row in EXPECTED.items() for rule, path in row.items()]


@pytest.mark.parametrize(("what", "rule", "path"), CASES, ids=[f"{what}, {rule}" for what, rule, _ in CASES])
def test_successor_is_found_by_the_rule(what: str, rule: MatchRule, path: MatchPath | None) -> None:
    """SCX-16, SCX-17, SCX-21, SCX-23 (unmatched is ``None``: NERP, approval or acceptance is the agreement's mode)."""
    found = match(NEW[what], STORED, None, rule=rule, uses=ALL)
    assert (found.path if found else None) is path


def test_table_covers_every_rule_and_certificate() -> None:
    assert set(EXPECTED) == set(NEW)
    assert set(RULES) == set(MatchRule)


def test_serial_key_and_validity_never_count() -> None:
    """SCX-16."""
    new = certificate(number=5, serial=99)
    assert match(new, STORED, None, rule=MatchRule.EXACT, uses=ALL) is not None


def test_known_certificate_changes_nothing() -> None:
    """SCX-33: also when the rule or the uses would say otherwise."""
    stored = (Stored(certificate=certificate(), uses=ALL), Stored(certificate=OLD, uses=frozenset({Use.SIGNING})))
    found = match(OLD, stored, None, rule=MatchRule.EXACT, uses=frozenset())
    assert found == Match(stored=stored[1], path=MatchPath.IDENTICAL, uses=frozenset({Use.SIGNING}))


def test_certificate_that_is_stored_without_a_use_is_not_known_already() -> None:
    """It was replaced: a match with no use left would be an acceptance of nothing."""
    assert match(OLD, (Stored(certificate=OLD, uses=frozenset()),), None, rule=MatchRule.EXACT, uses=ALL) is None


# ------------------------------------------------------------------------------------------------------------- narrowing


def test_first_newest_with_a_use_left_is_the_match() -> None:
    """SCX-25: newest first, the first whose narrowed uses are not empty; its uses apply."""
    newest = Stored(certificate=certificate(number=2), uses=TLS)
    middle = Stored(certificate=certificate(number=3), uses=frozenset({Use.ENCRYPTION, Use.TLS_CLIENT}))
    oldest = Stored(certificate=certificate(number=4), uses=ALL)
    found = match(certificate(number=1), (newest, middle, oldest), None, rule=MatchRule.EXACT, uses=MESSAGES)
    assert found == Match(stored=middle, path=MatchPath.EXACT, uses=frozenset({Use.ENCRYPTION}))


def test_nothing_left_is_no_match() -> None:
    stored = (Stored(certificate=OLD, uses=TLS), Stored(certificate=OLD, uses=frozenset()))
    assert match(certificate(number=1), stored, None, rule=MatchRule.EXACT, uses=MESSAGES) is None


def test_certificate_for_another_purpose_displaces_nothing() -> None:
    """SCX-21: same subject, KU DS against KE."""
    signing = Stored(certificate=certificate(usage="DS", purposes=None), uses=frozenset({Use.SIGNING}))
    encryption = Stored(certificate=certificate(usage="KE", purposes=None), uses=frozenset({Use.ENCRYPTION}))
    new = certificate(usage="KE", purposes=None, number=1)
    found = match(new, (signing, encryption), None, rule=MatchRule.CLID, uses=possible_uses(new))
    assert found is not None
    assert found.stored is encryption
    assert found.uses == {Use.ENCRYPTION}


def test_better_path_wins_over_a_newer_certificate() -> None:
    newer = Stored(certificate=certificate(purposes=None), uses=ALL)
    found = match(certificate(number=1), (newer, *STORED), None, rule=MatchRule.LENIENT, uses=ALL)
    assert found is not None
    assert (found.stored, found.path) == (STORED[0], MatchPath.EXACT)


# ------------------------------------------------------------------------------------------------------------------ CLID

CA13 = certificate("CA13")


def test_clid_assigns_a_certificate_with_another_subject() -> None:
    """SCX-18, SCX-20: tests CA13 and CA14 of Odette."""
    other = Stored(certificate=certificate("A3"), uses=ALL)
    found = match(CA13, (other, *STORED), logical_id(OLD), rule=MatchRule.CLID, uses=ALL)
    assert found == Match(stored=STORED[0], path=MatchPath.CLID_PHYSICAL, uses=ALL)


def test_without_clid_another_subject_is_unmatched() -> None:
    """SCX-20."""
    assert match(CA13, STORED, None, rule=MatchRule.CLID, uses=ALL) is None


def test_clid_of_the_certificate_before_matches_its_successor_logically() -> None:
    """SCX-18: physical first, then logical; the peer names a certificate that we hold no more, but a renewal of it."""
    found = match(CA13, STORED, logical_id(certificate(serial=4)), rule=MatchRule.CLID, uses=ALL)
    assert found == Match(stored=STORED[0], path=MatchPath.CLID_LOGICAL, uses=ALL)


def test_clid_that_names_nothing_leaves_the_certificate_itself() -> None:
    """SCX-18."""
    found = match(certificate(number=1), STORED, logical_id(certificate("B7")), rule=MatchRule.CLID, uses=ALL)
    assert found is not None
    assert found.path is MatchPath.EXACT


@pytest.mark.parametrize("rule", [rule for rule in MatchRule if rule is not MatchRule.CLID])
def test_other_rules_do_not_look_at_the_clid(rule: MatchRule) -> None:
    assert match(CA13, STORED, logical_id(OLD), rule=rule, uses=ALL) is None


# ----------------------------------------------------------------------------------------------------------------- preset

FLAGS = frozenset({"digitalSignature", "keyEncipherment", "clientAuth", "serverAuth"})
PRESETS: dict[str, tuple[PresetId, bool]] = {
    "everything": (
        PresetId(
            subject='C=DE, O="Alpha, Ltd.", CN=A0', common_name=None, issuer=r"CN=CA,O=Alpha\, Ltd.,C=DE", flags=FLAGS
        ),
        True,
    ),
    "common name only": (PresetId(subject=None, common_name="A0", issuer=None, flags=FLAGS), True),
    "another common name": (PresetId(subject=None, common_name="A1", issuer=None, flags=FLAGS), False),
    "another subject": (PresetId(subject="CN=A0", common_name=None, issuer=None, flags=FLAGS), False),
    "another issuer": (PresetId(subject=None, common_name=None, issuer="CN=CB", flags=FLAGS), False),
    "a flag less": (PresetId(subject=None, common_name=None, issuer=None, flags=FLAGS - {"clientAuth"}), False),
}


@pytest.mark.parametrize(("preset", "expected"), PRESETS.values(), ids=PRESETS.keys())
def test_first_certificate_must_fit_what_was_entered(preset: PresetId, expected: bool) -> None:
    """SCX-22."""
    assert flags(OLD) == FLAGS
    assert fits_preset(preset, OLD) is expected


# -------------------------------------------------------------------------------------------------------------- preflight


@pytest.mark.parametrize("rule", MatchRule)
def test_forecast_and_match_agree(rule: MatchRule) -> None:
    for what, new in NEW.items():
        found = match(new, STORED, logical_id(OLD), rule=rule, uses=ALL)
        assert preflight(new, OLD, rule).matches is (found is not None), what


def test_forecast_says_what_differs_and_how_it_would_be_read() -> None:
    forecast = preflight(NEW["purpose missing"], OLD, MatchRule.EXACT)
    assert not forecast.matches
    assert forecast.equal == (Attribute.ISSUER, Attribute.SUBJECT, Attribute.KEY_USAGE)
    (difference,) = forecast.different
    assert (difference.attribute, difference.old, difference.new) == (
        Attribute.EXTENDED_KEY_USAGE,
        "clientAuth, serverAuth",
        "serverAuth",
    )
    assert forecast.read_as == {Use.TLS_SERVER}
    assert forecast.reason == (
        "Extended key usage differs: it will not be taken as the successor. "
        "A partner may hold it for approval, reject it, or take it for tls-server."
    )


def test_forecast_for_an_equal_certificate() -> None:
    forecast = preflight(NEW["renewed"], OLD, MatchRule.EXACT)
    assert (forecast.matches, forecast.different, forecast.rewritten) == (True, (), ())


def test_name_of_other_octets_is_pointed_out() -> None:
    """C.16: some products compare octets."""
    forecast = preflight(NEW["name printed otherwise"], OLD, MatchRule.EXACT)
    assert (forecast.matches, forecast.rewritten) == (True, (Attribute.SUBJECT,))


def test_clid_rule_finds_the_old_one_by_its_name_in_the_message() -> None:
    forecast = preflight(NEW["another subject"], OLD, MatchRule.CLID)
    assert forecast.matches
    assert [difference.attribute for difference in forecast.different] == [Attribute.SUBJECT]
    assert "names the old certificate" in forecast.reason


@pytest.mark.parametrize("rule", MatchRule)
def test_first_certificate_cannot_match(rule: MatchRule) -> None:
    forecast = preflight(OLD, None, rule)
    assert (forecast.matches, forecast.equal, forecast.different) == (False, (), ())
    assert forecast.read_as == TLS


def test_absent_key_usage_is_put_in_words() -> None:
    forecast = preflight(certificate(usage=None, purposes=None), OLD, MatchRule.EXACT)
    assert [(d.old, d.new) for d in forecast.different] == [
        ("digitalSignature, keyEncipherment", "absent"),
        ("clientAuth, serverAuth", "absent"),
    ]
    assert forecast.reason.startswith("Key usage and extended key usage differ:")
