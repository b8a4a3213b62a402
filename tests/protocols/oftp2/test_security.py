"""Files into CMS and back (RFC 5024 §6, §10.2), and the requirements that refuse them (§5.3.5)."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from asn1crypto import cms as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from counterseal.kernel.keys import KeyTransport
from counterseal.protocols import cms
from counterseal.protocols.cms import ContentCipher, ContentKind
from counterseal.protocols.oftp2.authentication import build_challenge, open_challenge
from counterseal.protocols.oftp2.commands import SFID
from counterseal.protocols.oftp2.errors import (
    ChallengeFailed,
    DecompressionFailed,
    DecryptionFailed,
    FileFault,
    FileTooBig,
    InvalidValue,
    SignatureInvalid,
)
from counterseal.protocols.oftp2.records import insert_lengths, remove_lengths
from counterseal.protocols.oftp2.security import (
    FileEvidence,
    FilePlan,
    Need,
    OpenedFile,
    Requirements,
    decide_requirements,
    secure_file,
    signing_plan,
)
from counterseal.protocols.oftp2.suites import SUITES
from tests.protocols.oftp2.keys import a_key
from tests.protocols.oftp2.pair import Changes, an_sfid

CONTENT = (b"UNH+1+ORDERS:D:96A:UN'" * 4000)[:80_001]
AT = datetime(2026, 3, 2, tzinfo=UTC)
SERVICES = [(s, c, e) for s in (True, False) for c in (True, False) for e in (True, False) if s or c or e]


def a_plan(
    *, sign: bool = True, compress: bool = True, encrypt: bool = True, suite: str = "02", embed: bool = False
) -> FilePlan:
    return FilePlan(
        suite=SUITES[suite],
        signer=a_key("signer") if sign else None,
        embed_certificate=embed,
        signing_time=AT,
        compression_level=1 if compress else None,
        recipient=a_key("recipient").certificate if encrypt else None,
    )


def in_chunks(octets: bytes, size: int = 5000) -> Iterator[bytes]:
    return (octets[at : at + size] for at in range(0, len(octets), size))


def secured(plan: FilePlan, content: bytes = CONTENT, *, size: bool = True) -> bytes:
    chunks = secure_file(in_chunks(content), plan, entropy=os.urandom, size=len(content) if size else None)
    return b"".join(bytes(c) for c in chunks)


def sfid_of(plan: FilePlan, **changes: Any) -> SFID:
    return an_sfid(sec=plan.sec, ciph=plan.ciph, comp=plan.comp, env=plan.env, **changes)


def opened(
    octets: bytes,
    sfid: SFID,
    *,
    keys: tuple[str, ...] = ("recipient",),
    candidates: tuple[str, ...] = ("signer",),
    limit: int = 1 << 20,
    mask: bool = False,
    chunk: int = 777,
) -> tuple[bytes, FileEvidence]:
    file = OpenedFile(
        in_chunks(octets, chunk),
        sfid,
        keys=[a_key(k) for k in keys],
        candidates=[a_key(c).certificate for c in candidates],
        limits=cms.DEFAULT_LIMITS,
        octet_limit=limit,
        mask_inner_failures=mask,
    )
    content = b"".join(bytes(c) for c in file.chunks())
    return content, file.finish()


def signed_in(evidence: FileEvidence) -> cms.Signed:
    assert evidence.signed is not None
    return evidence.signed


@pytest.mark.parametrize(("sign", "compress", "encrypt"), SERVICES)
def test_each_service_alone_and_all_combinations_come_back(sign: bool, compress: bool, encrypt: bool) -> None:
    """OFTP-40, OFTP-41."""
    plan = a_plan(sign=sign, compress=compress, encrypt=encrypt)
    sfid = sfid_of(plan)
    assert (sfid.sec, sfid.comp, sfid.env) == (f"0{encrypt + 2 * sign}", str(int(compress)), "1")
    content, evidence = opened(secured(plan), sfid)
    assert content == CONTENT
    assert evidence.octets == len(CONTENT)
    assert evidence.content_kind is ContentKind.UNKNOWN
    assert (evidence.key is not None) == encrypt
    signers = [s.certificate for s in evidence.signed.signers] if evidence.signed else []
    assert signers == ([a_key("signer").certificate] if sign else [])


def test_the_order_is_sign_compress_encrypt_and_the_envelope_says_id_data() -> None:
    """OFTP-40, OFTP-42"""
    plan = a_plan()
    outer = asn1.ContentInfo.load(secured(plan))
    assert outer["content_type"].native == "enveloped_data"
    assert outer["content"]["encrypted_content_info"]["content_type"].native == "data"
    inside = cms.decrypt((secured(plan),), [a_key("recipient")], limits=cms.DEFAULT_LIMITS).chunks()
    compressed = b"".join(bytes(c) for c in inside)
    assert cms.content_kind(compressed[:32]) is ContentKind.COMPRESSED
    signed = b"".join(bytes(c) for c in cms.decompress((compressed,), limits=cms.DEFAULT_LIMITS))
    structure = asn1.ContentInfo.load(signed)
    assert structure["content_type"].native == "signed_data"
    assert structure["content"]["encap_content_info"]["content_type"].native == "data"
    assert structure["content"]["encap_content_info"]["content"].native == CONTENT


@pytest.mark.parametrize("size", [True, False])
@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_signs_and_encrypts_with_its_algorithms(suite: str, size: bool) -> None:
    """OFTP-44"""
    plan = a_plan(suite=suite, compress=False)
    octets = secured(plan, size=size)
    algorithm = asn1.ContentInfo.load(octets)["content"]["encrypted_content_info"]["content_encryption_algorithm"]
    expected = "tripledes_3key" if suite in {"01", "03", "05"} else "aes256_cbc"
    assert algorithm["algorithm"].native == expected
    content, evidence = opened(octets, sfid_of(plan))
    assert content == CONTENT
    assert signed_in(evidence).signers[0].digest is SUITES[suite].digest


def test_the_table_of_suites_is_that_of_the_standard() -> None:
    """OFTP-44"""
    rows = {(s.code, s.cipher.value, s.digest.value) for s in SUITES.values()}
    assert rows == {
        ("01", "3des-cbc", "sha-1"),
        ("02", "aes-256-cbc", "sha-1"),
        ("03", "3des-cbc", "sha-256"),
        ("04", "aes-256-cbc", "sha-256"),
        ("05", "3des-cbc", "sha-512"),
        ("06", "aes-256-cbc", "sha-512"),
    }
    assert {s.transport for s in SUITES.values()} == {KeyTransport.RSA_PKCS1}
    assert {s.code for s in SUITES.values() if s.legacy} == {"01", "02", "03", "05"}
    assert SUITES["04"].cipher is ContentCipher.AES_256_CBC


@pytest.mark.parametrize("embed", [True, False])
def test_the_signers_certificate_is_inside_or_not(embed: bool) -> None:
    """OFTP-43: it is never trusted for being inside."""
    plan = a_plan(compress=False, encrypt=False, embed=embed)
    octets = secured(plan)
    _, evidence = opened(octets, sfid_of(plan))
    assert len(signed_in(evidence).certificates) == int(embed)
    with pytest.raises(SignatureInvalid):
        opened(octets, sfid_of(plan), candidates=("stranger",))


def test_one_known_signer_of_several_is_enough() -> None:
    """OFTP-43: §6.2, a changeover signed with old and new."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(CONTENT)
    for name in ("old", "new"):
        key = a_key(name)
        builder = builder.add_signer(x509.load_der_x509_certificate(key.certificate_der), key.private, hashes.SHA256())
    octets = builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCerts])
    plan = a_plan(compress=False, encrypt=False)
    for known in ("old", "new"):
        content, evidence = opened(octets, sfid_of(plan), candidates=(known,))
        assert content == CONTENT
        assert [s.certificate for s in signed_in(evidence).signers] == [a_key(known).certificate]
        assert len(signed_in(evidence).unknown) == 1


def test_an_older_key_of_ours_still_opens() -> None:
    plan = a_plan()
    _, evidence = opened(secured(plan), sfid_of(plan), keys=("newer", "recipient"))
    assert evidence.key == a_key("recipient")


def test_a_secured_v_file_keeps_its_records() -> None:
    """OFTP-45"""
    records = [b"one", b"", b"x" * 5000, b"last"]
    marked = b"".join(insert_lengths([(r, (len(r),)) for r in records]))
    plan = a_plan()
    content, _ = opened(secured(plan, marked), sfid_of(plan, fmt="V", lrecl=5000))
    octets, ends = b"", []
    for part, inside in remove_lengths(in_chunks(content)):
        ends += [len(octets) + e for e in inside]
        octets += part
    assert (octets, ends) == (b"".join(records), [3, 3, 5003, 5007])


# what is done to a whole file, its services, the fault, the reason told
DAMAGED = [
    ("wrong key", (True, True, True), DecryptionFailed, "22"),
    ("wrong key", (False, False, True), DecryptionFailed, "22"),
    ("wrong signer", (True, False, False), SignatureInvalid, "21"),
    ("wrong signer", (True, True, True), SignatureInvalid, "21"),
    ("cut", (True, False, False), SignatureInvalid, "21"),
    ("cut", (False, True, False), DecompressionFailed, "23"),
    ("cut", (False, False, True), DecryptionFailed, "22"),
    ("changed", (True, False, False), SignatureInvalid, "21"),
    ("not cms", (True, False, False), SignatureInvalid, "21"),
    ("not cms", (False, True, False), DecompressionFailed, "23"),
    ("not cms", (False, False, True), DecryptionFailed, "22"),
    ("empty", (True, True, True), DecryptionFailed, "22"),
    ("other layer", (True, False, False), SignatureInvalid, "21"),
]


@pytest.mark.parametrize(("damage", "services", "fault", "reason"), DAMAGED)
def test_a_damaged_file_is_told_with_its_reason(
    damage: str, services: tuple[bool, bool, bool], fault: type[Exception], reason: str
) -> None:
    """OFTP-41, OFTP-50: EFNA 21, 22, 23."""
    sign, compress, encrypt = services
    plan = a_plan(sign=sign, compress=compress, encrypt=encrypt)
    octets = bytearray(secured(plan))
    keys, candidates = ("recipient",), ("signer",)
    match damage:
        case "wrong key":
            keys = ("stranger",)
        case "wrong signer":
            candidates = ("stranger",)
        case "cut":
            octets = octets[: len(octets) // 2]
        case "changed":
            octets[len(octets) // 2] ^= 1
        case "not cms":
            octets = bytearray(b"hello, this is a plain text and no CMS at all")
        case "empty":
            octets = bytearray()
        case "other layer":
            octets = bytearray(secured(a_plan(sign=False, encrypt=False)))
    with pytest.raises(fault) as caught:
        opened(bytes(octets), sfid_of(plan), keys=keys, candidates=candidates)
    assert isinstance(caught.value, FileFault)
    assert caught.value.efna.value == reason


def test_with_masking_every_failure_inside_an_encrypted_file_looks_the_same() -> None:
    plan = a_plan(compress=False)
    unsigned = a_plan(sign=False, compress=False)
    seen = set()
    for octets, candidates, keys in [
        (secured(plan), ("stranger",), ("recipient",)),
        (secured(unsigned), ("signer",), ("recipient",)),
        (secured(plan), ("signer",), ("stranger",)),
        (secured(plan)[:-400], ("signer",), ("recipient",)),
    ]:
        with pytest.raises(DecryptionFailed) as caught:
            opened(octets, sfid_of(plan), candidates=candidates, keys=keys, mask=True)
        seen.add((caught.value.code, caught.value.detail))
    assert len(seen) == 1
    signed = a_plan(compress=False, encrypt=False)
    with pytest.raises(SignatureInvalid):
        opened(secured(signed), sfid_of(signed), candidates=("stranger",), mask=True)


def test_a_file_that_grows_beyond_what_was_admitted_is_stopped() -> None:
    plan = a_plan(sign=False, encrypt=False)
    octets = secured(plan, bytes(3_000_000))
    assert len(octets) < 100_000
    with pytest.raises(FileTooBig) as caught:
        opened(octets, sfid_of(plan), limit=100_000)
    assert caught.value.efna.value == "06"


def test_another_layer_than_announced_can_be_seen() -> None:
    """OFTP-41: more layers than the SFID says are evidence, for the content may be CMS itself."""
    inner = secured(a_plan(compress=False, encrypt=False))
    plan = a_plan(sign=False, compress=False)
    content, evidence = opened(secured(plan, inner), sfid_of(plan))
    assert content == inner
    assert evidence.content_kind is ContentKind.SIGNED


def test_an_unsecured_file_is_not_opened() -> None:
    with pytest.raises(InvalidValue):
        opened(b"", an_sfid())


def test_an_unsecured_file_may_name_a_suite_for_its_receipt() -> None:
    """OFTP-41, OFTP-47."""
    plan = a_plan(sign=False, compress=False, encrypt=False)
    assert (plan.sec, plan.comp, plan.env, plan.ciph) == ("00", "0", "0", "02")
    assert secured(plan) == CONTENT


OPEN = Requirements(
    signature=Need.ALLOWED, encryption=Need.ALLOWED, compression=Need.ALLOWED, suites=frozenset({"02", "04"})
)
SECURED = {"sec": "03", "ciph": "02", "comp": "1", "env": "1"}

# requirement, SFID, the SFNA reason
REQUIRED = [
    ({}, {}, None),
    ({}, SECURED, None),
    ({}, {**SECURED, "ciph": "01"}, "15"),
    ({}, {**SECURED, "ciph": "77"}, "15"),
    ({}, {"ciph": "77"}, "15"),
    ({}, {"sign": True, "ciph": "00"}, "15"),
    ({}, {"sign": True, "ciph": "04"}, None),
    ({"encryption": Need.FORBIDDEN}, SECURED, "16"),
    ({"encryption": Need.REQUIRED}, {"sec": "02", "ciph": "02", "env": "1"}, "17"),
    ({"encryption": Need.REQUIRED}, SECURED, None),
    ({"compression": Need.FORBIDDEN}, SECURED, "18"),
    ({"compression": Need.REQUIRED}, {}, None),
    ({"signature": Need.FORBIDDEN}, SECURED, "19"),
    ({"signature": Need.REQUIRED}, {"sec": "01", "ciph": "02", "env": "1"}, "20"),
    ({"signature": Need.REQUIRED}, {}, "20"),
    ({"signature": Need.REQUIRED, "encryption": Need.REQUIRED}, {}, "17"),
]


@pytest.mark.parametrize(("changes", "fields", "reason"), REQUIRED)
def test_requirements_refuse_an_offer_with_their_reason(changes: Changes, fields: Changes, reason: str) -> None:
    """OFTP-31, OFTP-44, interop list 32."""
    refusal = decide_requirements(an_sfid(**fields), replace(OPEN, **changes))
    assert (refusal.reason.value if refusal else None) == reason
    assert refusal is None or refusal.text


@pytest.mark.parametrize("suite", SUITES)
def test_a_challenge_is_fresh_and_opens_with_our_key_only(suite: str) -> None:
    """OFTP-19, interop list 24: any suite."""
    recipient = a_key("recipient")
    first = build_challenge(suite=SUITES[suite], recipient=recipient.certificate, entropy=os.urandom)
    second = build_challenge(suite=SUITES[suite], recipient=recipient.certificate, entropy=os.urandom)
    assert len(first.octets) == 20
    assert first.octets != second.octets
    assert open_challenge(first.envelope, [recipient], limits=cms.DEFAULT_LIMITS) == first.octets
    assert first.octets.hex() not in repr(first)
    with pytest.raises(ChallengeFailed):
        open_challenge(first.envelope, [a_key("stranger")], limits=cms.DEFAULT_LIMITS)


@pytest.mark.parametrize("octets", [19, 21, 100_000])
def test_a_challenge_of_another_length_is_not_answered(octets: int) -> None:
    """OFTP-19"""
    plan = a_plan(sign=False, compress=False)
    envelope = b"".join(bytes(c) for c in secure_file((bytes(octets),), plan, entropy=os.urandom, size=octets))
    with pytest.raises(ChallengeFailed):
        open_challenge(envelope, [a_key("recipient")], limits=cms.DEFAULT_LIMITS)


@pytest.mark.parametrize("envelope", [b"", b"cms", b"\x30\x80\x06\x09"])
def test_a_challenge_that_is_no_envelope_is_not_answered(envelope: bytes) -> None:
    """OFTP-19"""
    with pytest.raises(ChallengeFailed):
        open_challenge(envelope, [a_key("recipient")], limits=cms.DEFAULT_LIMITS)


def test_a_detached_signature_holds_no_file() -> None:
    """OFTP-42"""
    signature = cms.sign_detached(
        hashlib.sha1(CONTENT).digest(), signing_plan(SUITES["02"], a_key("signer"), embed_certificate=False, at=None)
    )
    with pytest.raises(SignatureInvalid, match="contain"):
        opened(signature, an_sfid(sec="02", ciph="02", env="1"))
