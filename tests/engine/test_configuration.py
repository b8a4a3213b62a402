"""Configuration: what a text says is applied once and whole, every error names its place, an export applies to no change."""

import base64
import contextlib
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterseal.domain.agreement import AS2Terms, Cipher, ExchangeTerms, OFTP2Terms, ReceiptMode
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.community import Community, CommunityRules, CutoverRule, HandlingMode, Partner, Station
from counterseal.domain.people import Actor, NotAllowed, Permission
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.engine import configuration as conf
from counterseal.engine.configuration import Changes, ConfigurationRefused, NoSources, Verb
from counterseal.engine.configuration.kinds import Block, blocks_in, duration_text, parse_duration
from counterseal.engine.configuration.model import ConfigurationError
from counterseal.engine.configuration.schema import COMMUNITY, FILE, GENERATE, PARTNER, RULES, STATION
from counterseal.engine.configuration.secrets import SEALED, opened
from counterseal.engine.configuration.terms import AS2, EXCHANGE, OFTP2
from counterseal.engine.configuration.text import MAXIMUM_BYTES, MAXIMUM_DEPTH
from counterseal.engine.ports import CertificateForm, Ports, VaultLocked, Window
from counterseal.kernel.ids import AssignmentId
from tests.builders import mint, rsa_key
from tests.configurations import FULL, OURS, PASSWORD, SMALL, THEIRS, GivenSources, key_file, sources
from tests.gateway import ADMINISTRATOR, open_gateway


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    with open_gateway(tmp_path) as gateway:
        yield gateway


def applied(ports: Ports, text: str, given_sources: conf.Sources | None = None) -> Changes:
    read = conf.read(ports, text.encode(), sources=given_sources or sources())
    return conf.apply(ports, ADMINISTRATOR, read)


def errors_of(
    ports: Ports, text: str | bytes, given_sources: conf.Sources | None = None
) -> tuple[ConfigurationError, ...]:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigurationRefused) as refused:
        conf.apply(ports, ADMINISTRATOR, conf.read(ports, content, sources=given_sources or sources()))
    return refused.value.errors


def nothing_stored(ports: Ports) -> bool:
    with ports.store.read() as reader:
        return not reader.communities()


# what is applied


def test_a_full_text_is_stored_as_it_says(ports: Ports) -> None:
    changes = applied(ports, FULL)
    assert changes.applied
    with ports.store.read() as reader:
        community = reader.find_community("alpha")
        assert community is not None
        assert community.rules == CommunityRules(cem_mode=HandlingMode.RENEWALS, two_people=True)
        assert community.default_certificates == {Usage.FILE_SIGN: OURS.certificate.fingerprint}
        station = reader.find_station(Protocol.AS2, "ALPHA")
        assert station is not None
        agreement = reader.find_agreement(station.id, "BRAVO")
        assert agreement is not None
        assert agreement.as2.cipher is Cipher.AES128_CBC
        assert agreement.as2.receipt is ReceiptMode.ASYNC
        assert [duration_text(wait) for wait in agreement.as2.retries] == ["1m", "10m"]
        assert agreement.exchange == ExchangeTerms(mode=HandlingMode.AUTOMATIC, cutover=CutoverRule.MANUAL)
        by_use = {(a.side, a.usage): a for a in reader.assignments(agreement_id=agreement.id)}
        assert {k: a.fingerprint for k, a in by_use.items()} == {
            (Side.OURS, Usage.SIGN): OURS.certificate.fingerprint,
            (Side.OURS, Usage.ENCRYPT): OURS.certificate.fingerprint,
            (Side.THEIRS, Usage.SIGN): THEIRS.certificate.fingerprint,
            (Side.THEIRS, Usage.ENCRYPT): THEIRS.certificate.fingerprint,
        }
        assert {a.state for a in by_use.values()} == {AssignmentState.ACTIVE}
        made = next(c for c in reader.certificates(community.id) if c.label == "alpha-ec")
        assert (made.certificate.key_algorithm, made.certificate.self_signed) == ("ec", True)
        assert "C=NO" in made.certificate.subject, "NO is Norway, not false"
        ours = reader.find_certificate(community.id, OURS.certificate.fingerprint)
        assert ours is not None
        assert ours.key_id is not None
        key = reader.key(ours.key_id)
    signer = ports.vault.signer(key.sealed, certificate_der=OURS.certificate.der)
    assert signer.certificate_der == OURS.certificate.der
    password = opened(ports.vault, agreement.as2.basic_password_sealed, agreement.id, "basic_password_sealed")
    assert password == "let me in"


def test_a_password_is_bound_to_its_agreement_and_field(ports: Ports) -> None:
    applied(ports, FULL)
    with ports.store.read() as reader:
        station = reader.find_station(Protocol.AS2, "ALPHA")
        assert station is not None
        agreement = reader.find_agreement(station.id, "BRAVO")
        assert agreement is not None
    with pytest.raises(VaultLocked):
        opened(ports.vault, agreement.as2.basic_password_sealed, agreement.id, "our_password_sealed")


def test_applying_twice_changes_nothing_the_second_time(ports: Ports) -> None:
    applied(ports, FULL)
    with ports.store.read() as reader:
        before = reader.audit(window=Window(limit=500))
    again = applied(ports, FULL)
    assert again.changes == ()
    with ports.store.read() as reader:
        assert reader.audit(window=Window(limit=500)) == before


def test_an_export_applies_to_no_change_and_holds_no_secret(ports: Ports) -> None:
    applied(ports, FULL)
    exported = conf.export(ports, ADMINISTRATOR, community="")
    assert "PRIVATE KEY" not in exported
    assert "let me in" not in exported
    assert "GEHEIM" not in exported
    changes = conf.apply(ports, ADMINISTRATOR, conf.read(ports, exported.encode(), sources=NoSources()))
    assert changes.changes == ()
    assert conf.export(ports, ADMINISTRATOR, community="") == exported


def test_an_export_into_another_gateway_names_the_keys_that_are_missing(ports: Ports, tmp_path: Path) -> None:
    applied(ports, FULL)
    exported = conf.export(ports, ADMINISTRATOR, community="alpha")
    with open_gateway(tmp_path / "other") as other:
        errors = errors_of(other, exported)
        assert {e.came for e in errors} == {"a certificate whose private key is not in the vault"}
        assert nothing_stored(other)


def test_a_certificate_without_a_unique_label_is_exported_by_fingerprint(ports: Ports) -> None:
    applied(ports, FULL)
    with ports.store.write() as writer:
        community = writer.find_community("alpha")
        assert community is not None
        for held in writer.certificates(community.id):
            writer.put(replace(held, label="the same"))
    exported = conf.export(ports, ADMINISTRATOR, community="")
    assert OURS.certificate.fingerprint in exported
    assert applied(ports, exported).changes == ()


def test_a_dry_run_tells_everything_and_stores_nothing(ports: Ports) -> None:
    plan = conf.plan(ports, ADMINISTRATOR, conf.read(ports, FULL.encode(), sources=sources()))
    assert not plan.applied
    assert nothing_stored(ports)
    told = [(c.verb, c.thing, c.name) for c in plan.changes]
    assert (Verb.CREATE, "community", "alpha") in told
    assert (Verb.GENERATE, "certificate", "alpha-ec") in told
    assert (Verb.ASSIGN, "assignment", "ALPHA - BRAVO: ours sign") in told
    done = applied(ports, FULL)
    assert [(c.verb, c.thing, c.name) for c in done.changes] == told


def test_a_change_names_the_fields_that_differ_and_hides_secrets(ports: Ports) -> None:
    applied(ports, FULL)
    text = FULL.replace("cipher: aes-128-cbc", "cipher: aes-256-gcm").replace(
        "name: Bravo Bows", "name: Bravo Bows Ltd"
    )
    other = GivenSources(
        {"alpha.p12": key_file(OURS), "bravo.pem": THEIRS.certificate.pem.encode()},
        {"ALPHA_P12": PASSWORD, "BRAVO_BASIC": "another one"},
    )
    changes = applied(ports, text, other).changes
    assert [(c.thing, dict(c.fields)) for c in changes] == [
        ("partner", {"name": ("Bravo Bows", "Bravo Bows Ltd")}),
        (
            "agreement",
            {"terms.cipher": ("aes-128-cbc", "aes-256-gcm"), "terms.basic_password_sealed": ("(set)", "(set)")},
        ),
    ]


def test_every_change_is_audited_with_its_actor(ports: Ports) -> None:
    changes = applied(ports, FULL)
    with ports.store.read() as reader:
        entries = reader.audit(window=Window(limit=500))
    assert len(entries) == len(changes.changes)
    assert {e.event.actor for e in entries} == {"local:tester"}
    assert all("let me in" not in str(e.event.facts) for e in entries)


def test_an_absent_password_keeps_the_stored_one(ports: Ports) -> None:
    applied(ports, FULL)
    text = FULL.replace("              basic_password: {env: BRAVO_BASIC}\n", "")
    assert applied(ports, text).changes == ()


def test_what_the_file_does_not_name_stays(ports: Ports) -> None:
    applied(ports, FULL)
    applied(ports, SMALL.replace("bravo", "charlie").replace("BRAVO", "CHARLIE").replace("Bravo Bows", "Charlie"))
    with ports.store.read() as reader:
        community = reader.find_community("alpha")
        assert community is not None
        assert [p.slug for p in reader.partners(community.id)] == ["bravo", "charlie"]


def test_another_certificate_becomes_active_and_the_former_retires(ports: Ports) -> None:
    applied(ports, FULL)
    newer = mint("Bravo Bows", key=rsa_key(2))
    text = FULL.replace("file: bravo.pem", "file: bravo.pem\n          - {label: bravo-2027, file: newer.pem}")
    text = text.replace("theirs: {sign: bravo-2026,", "theirs: {sign: bravo-2027,")
    files = {
        "alpha.p12": key_file(OURS),
        "bravo.pem": THEIRS.certificate.pem.encode(),
        "newer.pem": newer.certificate.pem.encode(),
    }
    given_sources = GivenSources(files, {"ALPHA_P12": PASSWORD, "BRAVO_BASIC": "let me in"})
    applied(ports, text, given_sources)
    states = _states(ports, Side.THEIRS, Usage.SIGN)
    assert states == {
        newer.certificate.fingerprint: AssignmentState.ACTIVE,
        THEIRS.certificate.fingerprint: AssignmentState.RETIRING,
    }
    again = applied(ports, FULL)
    assert again.changes == (), "a file does not turn a rollover back"
    assert "does not turn a rollover back" in again.notes[0].text
    assert again.notes[0].place.path.endswith("assignments.theirs.sign")


def test_a_staged_certificate_is_left_to_its_exchange(ports: Ports) -> None:
    applied(ports, FULL)
    newer = mint("Bravo Bows", key=rsa_key(2))
    with ports.store.write() as writer:
        community = writer.find_community("alpha")
        assert community is not None
        active = next(a for a in writer.assignments(community_id=community.id, side=Side.THEIRS, usage=Usage.SIGN))
        old = writer.find_certificate(community.id, active.fingerprint)
        assert isinstance(old, HeldCertificate)
        writer.put(replace(old, certificate=newer.certificate, label="bravo-2027"))
        staged = replace(
            active,
            id=AssignmentId("staged"),
            fingerprint=newer.certificate.fingerprint,
            state=AssignmentState.STAGED,
        )
        writer.put(staged)
    changes = applied(ports, FULL.replace("theirs: {sign: bravo-2026,", "theirs: {sign: bravo-2027,"))
    assert changes.changes == ()
    assert "staged" in changes.notes[0].text


def _states(ports: Ports, side: Side, usage: Usage) -> dict[str, AssignmentState]:
    with ports.store.read() as reader:
        community = reader.find_community("alpha")
        assert community is not None
        found = reader.assignments(community_id=community.id, side=side, usage=usage)
        return {a.fingerprint: a.state for a in found}


def test_what_the_wire_taught_us_survives_applying(ports: Ports) -> None:
    applied(ports, SMALL)
    with ports.store.write() as writer:
        station = writer.find_station(Protocol.AS2, "ALPHA")
        assert station is not None
        agreement = writer.find_agreement(station.id, "BRAVO")
        assert agreement is not None
        seen = replace(agreement, seen=replace(agreement.seen, product="x:1"))
        writer.put(seen)
    assert applied(ports, SMALL).changes == ()
    applied(ports, SMALL.replace("Bravo Bows", "Bravo"))
    with ports.store.read() as reader:
        assert reader.agreement(agreement.id).seen.product == "x:1"


def test_key_content_in_base64_does_what_a_key_file_does(ports: Ports) -> None:
    content = base64.b64encode(key_file(OURS)).decode()
    text = FULL.replace("key_file: alpha.p12", f"key_content: {content}").replace(
        "{env: ALPHA_P12}", f"{{value: {PASSWORD}}}"
    )
    applied(ports, text)
    assert applied(ports, FULL).changes == ()


def test_json_is_read_as_well(ports: Ports) -> None:
    applied(ports, '{"version": 1, "communities": [{"slug": "alpha", "name": "Alpha\\u0020Arrows"}]}')
    assert not nothing_stored(ports)


def test_only_who_may_configure_applies_and_plans(ports: Ports) -> None:
    viewer = Actor(name="token:ci", permissions=frozenset({Permission.VIEW}))
    read = conf.read(ports, SMALL.encode(), sources=NoSources())
    for verb in (conf.apply, conf.plan):
        with pytest.raises(NotAllowed):
            verb(ports, viewer, read)
    assert nothing_stored(ports)


# what is refused, and where

HEAD = "version: 1\ncommunities:\n  - slug: alpha\n    name: Alpha\n"
STATIONS = '    stations:\n      - {protocol: as2, identity: ALPHA, name: Alpha, url: ""}\n'
BRAVO = "    partners:\n      - slug: bravo\n        name: Bravo\n"
AGREED = HEAD + STATIONS + BRAVO + "        agreements:\n          - station: ALPHA\n            partner_identity: B\n"
THEIR_PEM = "".join(f"              {line}\n" for line in THEIRS.certificate.pem.splitlines())
HELD = HEAD + STATIONS + BRAVO + "        certificates:\n          - label: b\n            pem: |\n" + THEIR_PEM

REFUSED: dict[str, tuple[str | bytes, int | None, str, str, str]] = {
    # text                                                        line, path, what was expected, what came
    "nothing": ("", 1, "", "one YAML document", "no documents"),
    "two documents": ("version: 1\n---\nversion: 1\n", 3, "", "one YAML document", "2 documents"),
    "no YAML": ("version: [1\n", 2, "", "YAML", "did not find"),
    "a tab": ("version: 1\n\tcommunities: []\n", 2, "", "YAML", "tab"),
    "not UTF-8": (b"version: 1\n\xff", 2, "", "UTF-8 text", "the byte 0xff"),
    "an alias": ("a: &x [1]\nb: *x\n", 2, "", "values written out", "the alias *x"),
    "a tag": ("version: !!python/object:os.system 1\n", 1, "", "values without tags", "python/object"),
    "a list at the top": ("- 1\n", 1, "", "a block of fields (file)", "a list"),
    "a missing field": ("communities: []\n", 1, "", "the field 'version'", "a file without it"),
    "a version to come": ("version: 2\ncommunities: []\n", 1, "version", "a whole number from 1 to 1", "'2'"),
    "an unknown field": (HEAD + "    nmae: x\n", 5, "communities[0].nmae", "'name' perhaps", "the unknown field 'nmae'"),
    "a far-off field": (HEAD + "    zzz: x\n", 5, "communities[0].zzz", "one of slug, name", "the unknown field 'zzz'"),
    "a list as a field": (HEAD + "    ? [a]\n    : 1\n", 5, "communities[0].", "one of slug", "the unknown field ''"),
    "a field twice": (HEAD + "    name: Beta\n", 5, "communities[0].name", "the field 'name' once", "first in line 4"),
    "a bad slug": ("version: 1\ncommunities:\n  - {slug: Al Pha, name: A}\n", 3, "communities[0].slug", "a short name of", "'Al Pha'"),
    "an empty name": ("version: 1\ncommunities:\n  - {slug: a, name: }\n", 3, "communities[0].name", "1 to 200", "nothing"),
    "a long name": (HEAD.replace("Alpha", "A" * 201), 4, "communities[0].name", "1 to 200", "..."),
    "a control character": ('version: 1\ncommunities:\n  - {slug: a, name: "A\\u0007"}\n', 3, "communities[0].name", "1 to 200", "\\x07"),
    "a zone of nowhere": (HEAD + "    time_zone: Europe/Atlantis\n", 5, "communities[0].time_zone", "an IANA", "Europe/Atlantis"),
    "a bad address": (HEAD + "    contact_email: nobody\n", 5, "communities[0].contact_email", "an e-mail", "'nobody'"),
    "a flag": (HEAD + "    rules: {two_people: maybe}\n", 5, "communities[0].rules.two_people", "true or false", "'maybe'"),
    "a number": (HEAD + "    rules: {minimum_rsa_bits: many}\n", 5, "communities[0].rules.minimum_rsa_bits", "a whole number from 1024", "'many'"),
    "a number too low": (HEAD + "    rules: {minimum_rsa_bits: 512}\n", 5, "communities[0].rules.minimum_rsa_bits", "a whole number from 1024", "'512'"),
    "a choice": (HEAD + "    rules: {cem_mode: always}\n", 5, "communities[0].rules.cem_mode", "one of off, manual, renewals, automatic", "'always'"),
    "a block for a list": (HEAD + "    stations: {a: b}\n", 5, "communities[0].stations", "a list of blocks (station)", "a block of fields"),
    "text for a block": (HEAD + "    rules: strict\n", 5, "communities[0].rules", "a block of fields (rules)", "'strict'"),
    "a protocol": (HEAD + STATIONS.replace("as2", "x25"), 6, "communities[0].stations[0].protocol", "one of as2, oftp2", "'x25'"),
    "a station that is no Odette code": (HEAD + STATIONS.replace("as2", "oftp2").replace("ALPHA", "alpha_"), 6, "stations[0].identity", "an Odette code", "'alpha_'"),
    "a partner that is no Odette code": (AGREED.replace("partner_identity: B", "partner_identity: b") + "            oftp2: {host: b, ssid_code: O1}\n", 12, "agreements[0].partner_identity", "an Odette code", "'b"),
    "a station twice": (HEAD + STATIONS + STATIONS.split("\n")[1] + "\n", 7, "communities[0].stations[1]", "each station once", "first in line 6"),
    "neither as2 nor oftp2": (AGREED, 11, "partners[0].agreements[0]", "exactly one of as2, oftp2", "none of them"),
    "both": (AGREED + "            as2: {url: 'http://b/'}\n            oftp2: {host: b, ssid_code: O1}\n", 11, "agreements[0]", "exactly one of as2, oftp2", "both as2 and oftp2"),
    "a file address": (AGREED + "            as2: {url: 'file:///etc/passwd'}\n", 13, "agreements[0].as2.url", "http:// or https://", "file:///etc/passwd"),
    "SHA-1 signatures": (AGREED + "            as2: {url: 'http://b/', digest: sha-1}\n", 13, "as2.digest", "one of sha-256", "'sha-1'"),
    "terms that contradict": (AGREED + "            as2: {url: 'http://b/', answer_204: true}\n", 13, "as2", "terms that fit together", "answer_204 belongs to"),
    "a duration": (AGREED + "            as2: {url: 'http://b/', receipt_timeout: 5 minutes}\n", 13, "as2.receipt_timeout", "a duration from 1s to 7d", "'5 minutes'"),
    "a list too long": (AGREED + f"            as2: {{url: 'http://b/', retries: [{', '.join(['1s'] * 51)}]}}\n", 13, "as2.retries", "a list of at most 50", "a list of 51"),
    "a credit": (AGREED + "            oftp2: {host: b, ssid_code: O1, credit: 1}\n", 13, "oftp2.credit", "a whole number from 2 to 999", "'1'"),
    "a secret in the clear": (AGREED + "            as2: {url: 'http://b/', basic_password: secret}\n", 13, "as2.basic_password", "a block of fields (secret)", "'secret'"),
    "a secret of two sources": (AGREED + "            as2: {url: 'http://b/', basic_password: {env: A, value: b}}\n", 13, "as2.basic_password", "exactly one of env, file, value", "both env and value"),
    "an unset variable": (AGREED + "            as2: {url: 'http://b/', basic_password: {env: UNSET}}\n", 13, "as2.basic_password", "a secret for basic_password", "UNSET is not set"),
    "an unknown station": (AGREED.replace("station: ALPHA", "station: OMEGA") + "            as2: {url: 'http://b/'}\n", 11, "agreements[0]", "the identity of an as2 station", "'OMEGA'"),
    "an unknown certificate": (AGREED + "            as2: {url: 'http://b/'}\n            assignments: {ours: {sign: x}}\n", 14, "assignments.ours.sign", "the label or fingerprint", "'x'"),
    "a usage of the other protocol": (AGREED + "            as2: {url: 'http://b/'}\n            assignments: {ours: {file-sign: x}}\n", 14, "assignments.ours.file-sign", "a usage of as2", "'file-sign'"),
    "our TLS server": (AGREED + "            as2: {url: 'http://b/'}\n            assignments: {ours: {tls-server: x}}\n", 14, "assignments.ours.tls-server", "a usage of an agreement", "belongs to a listener"),
    "theirs as ours": (HELD + "        agreements:\n          - {station: ALPHA, partner_identity: B, as2: {url: 'http://b/'}, assignments: {ours: {sign: b}}}\n", None, "assignments.ours.sign", "a certificate of the side ours", "'b', which is not"),
    "a certificate of noise": (HEAD + "    certificates: [{label: a, pem: noise}]\n", 5, "certificates[0].pem", "a certificate (PEM, DER or P7B)", "no certificate can be read"),
    "a broken PEM": (HEAD + '    certificates: [{label: a, pem: "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n"}]\n', 5, "certificates[0].pem", "a certificate", "no certificate can be read"),
    "a label twice": (HEAD + "    certificates: [{label: a, generate: {common_name: A}}, {label: a, generate: {common_name: B}}]\n", 5, "certificates[1]", "each certificate label once", "'a' again"),
    "a generate without a label": (HEAD + "    certificates: [{generate: {common_name: A}}]\n", 5, "certificates[0]", "a label", "without one"),
    "odd RSA bits": (HEAD + "    certificates: [{label: a, generate: {common_name: A, bits: 2049}}]\n", 5, "generate.bits", "2048, 3072 or 4096", "2049"),
    "a key file that is not there": (HEAD + "    certificates: [{label: a, key_file: x.p12}]\n", 5, "certificates[0].key_file", "a file that can be read", "there is no file x.p12"),
    "a wrong password": (HEAD + "    certificates: [{label: a, key_file: alpha.p12, password: {value: wrong}}]\n", 5, "certificates[0].password", "the password of the key file", ""),
    "no key in the file": (HEAD + "    certificates: [{label: a, key_file: bravo.pem}]\n", 5, "certificates[0]", "a PKCS#12 or PEM file with a private key", ""),
    "no Base64": (HEAD + "    certificates: [{label: a, key_content: '%%%'}]\n", 5, "certificates[0].key_content", "a file in Base64", "something else"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_an_error_names_line_field_expectation_and_what_came(ports: Ports, name: str) -> None:
    text, line, path, expected, came = REFUSED[name]
    errors = errors_of(ports, text)
    fitting = [e for e in errors if path in e.place.path and expected in e.expected and came in e.came]
    assert fitting, [str(e) for e in errors]
    assert line is None or fitting[0].place.line == line, str(fitting[0])
    assert nothing_stored(ports)


def test_all_errors_come_at_once_in_the_order_of_the_text(ports: Ports) -> None:
    text = "version: 1\ncommunities:\n  - slug: A\n    name: ''\n    time_zoen: UTC\n"
    assert [(e.place.line, e.place.path) for e in errors_of(ports, text)] == [
        (3, "communities[0].slug"),
        (4, "communities[0].name"),
        (5, "communities[0].time_zoen"),
    ]


def test_a_text_over_the_network_reads_no_file_and_no_variable(ports: Ports) -> None:
    for source in ("file: /etc/hostname", "env: HOME"):
        text = AGREED + f"            as2: {{url: 'http://b/', basic_password: {{{source}}}}}\n"
        errors = errors_of(ports, text, NoSources())
        assert "came over the network" in errors[0].came


def test_more_text_than_the_bound_is_not_parsed(ports: Ports) -> None:
    assert "at most" in errors_of(ports, b"#" * (MAXIMUM_BYTES + 1))[0].expected


@pytest.mark.parametrize("opening", ["[", "{a: "])
def test_deep_nesting_is_refused_before_it_is_built(ports: Ports, opening: str) -> None:
    assert errors_of(ports, opening * 100)[0].expected == f"at most {MAXIMUM_DEPTH} levels"
    assert errors_of(ports, opening * 100_000)


def test_an_error_shows_a_long_value_shortened(ports: Ports) -> None:
    errors = errors_of(ports, HEAD + f"    contact_email: {'x' * 5000}\n")
    assert len(str(errors[0])) < 300


def test_a_certificate_of_another_side_is_not_taken_over(ports: Ports) -> None:
    applied(ports, FULL)
    text = FULL.replace("            file: bravo.pem", "            file: ours.pem")
    files = {
        "alpha.p12": key_file(OURS),
        "ours.pem": OURS.certificate.pem.encode(),
    }
    errors = errors_of(ports, text, GivenSources(files, {"ALPHA_P12": PASSWORD, "BRAVO_BASIC": "x"}))
    assert any(e.came == "one of our own certificates" for e in errors)


def test_a_station_of_another_community_is_refused(ports: Ports) -> None:
    applied(ports, SMALL)
    errors = errors_of(ports, SMALL.replace("slug: alpha", "slug: beta"))
    assert errors[0].came == "one that another community has"


def test_a_partner_identity_of_another_partner_is_refused(ports: Ports) -> None:
    applied(ports, SMALL)
    errors = errors_of(ports, SMALL.replace("slug: bravo", "slug: charlie"))
    assert "belongs to another partner" in errors[0].came


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_noise_is_refused_and_nothing_else_escapes(ports: Ports, content: bytes) -> None:
    with pytest.raises(ConfigurationRefused):
        conf.read(ports, content, sources=NoSources())


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just({}), st.just([]))


@given(st.lists(st.tuples(st.sampled_from([f.name for f in COMMUNITY.fields]), _SCALARS), max_size=5))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_any_field_is_read_or_refused(ports: Ports, pairs: list[tuple[str, object]]) -> None:
    text = json.dumps({"version": 1, "communities": [dict(pairs)]})
    with contextlib.suppress(ConfigurationRefused):  # nothing else escapes
        conf.read(ports, text.encode(), sources=NoSources())


# the tables


@pytest.mark.parametrize(
    ("block", "value", "elsewhere"),
    [
        (AS2, AS2Terms, SEALED),
        (OFTP2, OFTP2Terms, SEALED),
        (EXCHANGE, ExchangeTerms, set()),
        (RULES, CommunityRules, set()),
        (STATION, Station, {"id", "community_id"}),
        (PARTNER, Partner, {"id", "community_id", "created_at"}),
        (COMMUNITY, Community, {"id", "created_at"}),
        (GENERATE, CertificateForm, {"not_before", "not_after", "serial", "is_ca", "key_usage", "extended_key_usage"}),
    ],
    ids=lambda v: getattr(v, "title", getattr(v, "__name__", "")),
)
def test_every_field_of_a_value_can_be_configured(block: Block, value: type, elsewhere: set[str]) -> None:
    in_table = {f.name for f in block.fields}
    assert {f.name for f in fields(value)} - elsewhere - in_table == set()


def test_documented_defaults_are_those_of_the_values() -> None:
    made = {
        AS2.title: AS2Terms(url="http://b/"),
        OFTP2.title: OFTP2Terms(host="b", ssid_code="O1"),
        EXCHANGE.title: ExchangeTerms(),
        RULES.title: CommunityRules(),
    }
    from counterseal.engine.configuration.changes import shown

    for block in (AS2, OFTP2, EXCHANGE, RULES):
        for entry in block.fields:
            if entry.terms and not entry.required:
                assert entry.default == shown(getattr(made[block.title], entry.name)), f"{block.title}.{entry.name}"


def test_every_field_says_what_it_means() -> None:
    for block in blocks_in(FILE):
        for entry in block.fields:
            assert entry.text.endswith("."), f"{block.title}.{entry.name}"
            assert not (entry.required and entry.default), f"{block.title}.{entry.name}"


@given(st.integers(min_value=1, max_value=9_999_999))
def test_a_duration_reads_as_it_was_written(seconds: int) -> None:
    assert parse_duration(duration_text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
