"""EERP and NERP: echo, signature, proof (RFC 5024 §4.3.6, §5.3.13, §5.3.14)."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from asn1crypto import cms as asn1

from counterseal.protocols import cms
from counterseal.protocols.oftp2.codec import build_command, parse_command
from counterseal.protocols.oftp2.commands import EERP, NERP, SFID, Receipt
from counterseal.protocols.oftp2.endresponse import (
    ReceiptProof,
    build_eerp,
    build_nerp,
    file_hash,
    names,
    sign_receipt,
    signed_octets,
    verify_receipt,
)
from counterseal.protocols.oftp2.errors import (
    InvalidValue,
    ReceiptFault,
    ReceiptMismatch,
    ReceiptSignatureInvalid,
    ReceiptUnsigned,
)
from counterseal.protocols.oftp2.reasons import NERPReason
from counterseal.protocols.oftp2.security import signing_plan
from counterseal.protocols.oftp2.suites import SUITES
from tests.protocols.oftp2.keys import a_key
from tests.protocols.oftp2.pair import Changes, an_sfid

FILE: SFID = an_sfid(user="KEEP", ciph="04", sign=True)
CONTENT = b"the file as transmitted"
AT = datetime(2026, 3, 2, tzinfo=UTC)


def a_receipt(kind: str) -> EERP | NERP:
    if kind == "EERP":
        return build_eerp(FILE)
    return build_nerp(FILE, creator="O0013HUB", reason=NERPReason.PROCESSING_FAILED, text="no such order")


def digest_of(suite: str) -> bytes:
    running = file_hash(SUITES[suite])
    running.update(CONTENT[:5])
    running.update(CONTENT[5:])
    return running.digest()


def signed(kind: str, suite: str = "04", *, embed: bool = False, signer: str = "ours") -> Receipt:
    return sign_receipt(
        a_receipt(kind),
        file_digest=digest_of(suite),
        suite=SUITES[suite],
        signer=a_key(signer),
        embed_certificate=embed,
        at=AT,
    )


def verify(
    receipt: Receipt, suite: str = "04", *, sfid: SFID = FILE, candidates: tuple[str, ...] = ("ours",)
) -> ReceiptProof:
    return verify_receipt(
        receipt,
        sfid,
        file_digest=digest_of(suite),
        candidates=[a_key(name).certificate for name in candidates],
        limits=cms.DEFAULT_LIMITS,
    )


def test_an_eerp_echoes_the_file_and_swaps_its_ends() -> None:
    """OFTP-46"""
    assert build_eerp(FILE) == EERP(
        dsn="ORDERS", date="20260302", time="1200000001", user="KEEP", dest="O0013ME", orig="O0013PEER"
    )


def test_a_nerp_names_its_creator_and_reason() -> None:
    """OFTP-46, OFTP-49."""
    nerp = build_nerp(FILE, creator="O0013HUB", reason=NERPReason.INVALID_SIGNATURE, text="é" * 600 + "\n")
    assert (nerp.dest, nerp.orig, nerp.crea, nerp.reas) == ("O0013ME", "O0013PEER", "O0013HUB", "31")
    assert len(nerp.reast.encode()) <= 999
    assert parse_command(build_command(nerp)) == (nerp, ())


def test_an_unsigned_receipt_has_neither_hash_nor_signature() -> None:
    """OFTP-47"""
    assert build_command(build_eerp(FILE)).endswith(b"\x00\x00\x00\x00")
    assert build_command(a_receipt("NERP")).endswith(b"\x00\x00\x00\x00")


def test_signed_octets_are_the_fields_with_their_padding() -> None:
    """OFTP-47: 94 + h and 119 + h octets."""
    eerp = replace(build_eerp(FILE), hsh=b"\xaa" * 32)
    assert signed_octets(eerp) == (
        b"ORDERS".ljust(26) + b"20260302" + b"1200000001" + b"O0013ME".ljust(25) + b"O0013PEER".ljust(25) + b"\xaa" * 32
    )
    assert len(signed_octets(build_eerp(FILE))) == 94
    nerp = replace(a_receipt("NERP"), hsh=b"\xbb" * 20)
    assert signed_octets(nerp)[94:] == b"O0013HUB".ljust(25) + b"\xbb" * 20
    assert len(signed_octets(nerp)) == 119 + 20


@pytest.mark.parametrize("suite", SUITES)
def test_the_hash_is_that_of_the_suite_over_the_transmitted_octets(suite: str) -> None:
    """OFTP-47"""
    name = {"1": "sha1", "2": "sha1", "3": "sha256", "4": "sha256", "5": "sha512", "6": "sha512"}[suite[1]]
    assert digest_of(suite) == hashlib.new(name, CONTENT).digest()


@pytest.mark.parametrize("embed", [True, False])
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("kind", ["EERP", "NERP"])
def test_a_signed_receipt_survives_the_wire_and_proves_the_file(kind: str, suite: str, embed: bool) -> None:
    """OFTP-44, OFTP-47, OFTP-48."""
    receipt = signed(kind, suite, embed=embed)
    assert receipt.hsh == digest_of(suite)
    received, _ = parse_command(build_command(receipt))
    assert isinstance(received, EERP | NERP)
    proof = verify(received, suite)
    assert not proof.detached
    assert [s.certificate for s in proof.signed.signers] == [a_key().certificate]
    assert proof.signed.signers[0].digest is SUITES[suite].digest
    structure = asn1.ContentInfo.load(receipt.sig)["content"]
    assert structure["encap_content_info"]["content_type"].native == "data"
    assert structure["encap_content_info"]["content"].native == signed_octets(receipt)
    assert bool(structure["certificates"].native) is embed


def test_a_detached_signature_is_verified_over_the_fields_and_marked() -> None:
    """OFTP-48, interop list 27."""
    receipt = replace(build_eerp(FILE), hsh=digest_of("04"))
    plan = signing_plan(SUITES["04"], a_key(), embed_certificate=False, at=None)
    signature = cms.sign_detached(hashlib.sha256(signed_octets(receipt)).digest(), plan)
    proof = verify(replace(receipt, sig=signature))
    assert proof.detached
    with pytest.raises(ReceiptSignatureInvalid):
        verify(replace(receipt, sig=signature), candidates=("theirs",))


def test_surplus_octets_behind_the_signature_are_tolerated() -> None:
    """Interop list 27."""
    receipt = signed("EERP")
    assert verify(replace(receipt, sig=receipt.sig + receipt.sig[-20:])).signed.signers


@pytest.mark.parametrize(
    "changes", [{"dsn": "OTHER"}, {"date": "20260303"}, {"time": "1200000002"}, {"dest": "X"}, {"orig": "X"}]
)
def test_a_receipt_for_another_file_proves_nothing(changes: Changes) -> None:
    """OFTP-48"""
    receipt = signed("EERP")
    assert names(receipt, FILE)
    assert not names(replace(receipt, **changes), FILE)
    with pytest.raises(ReceiptMismatch):
        verify(replace(receipt, **changes))
    other = replace(FILE, **{{"dest": "orig", "orig": "dest"}.get(k, k): v for k, v in changes.items()})
    with pytest.raises(ReceiptMismatch, match="signed octets"):
        verify(replace(receipt, **changes), sfid=other)


def test_a_wrong_hash_a_wrong_key_a_damaged_or_missing_signature_prove_nothing() -> None:
    """OFTP-48"""
    receipt = signed("EERP")
    damaged = bytearray(receipt.sig)
    damaged[-1] ^= 1
    cases = [
        (replace(receipt, hsh=bytes(32)), ReceiptMismatch),
        (replace(receipt, hsh=b""), ReceiptMismatch),
        (replace(receipt, sig=b""), ReceiptUnsigned),
        (replace(receipt, sig=b"\x30\x03abc"), ReceiptSignatureInvalid),
        (replace(receipt, sig=bytes(damaged)), ReceiptSignatureInvalid),
        (signed("EERP", signer="theirs"), ReceiptSignatureInvalid),
    ]
    for wrong, fault in cases:
        with pytest.raises(fault) as caught:
            verify(wrong)
        assert isinstance(caught.value, ReceiptFault)


def test_user_data_and_the_reason_of_a_nerp_are_not_protected() -> None:
    """OFTP-47: §5.3.14, known and told."""
    eerp, nerp = signed("EERP"), signed("NERP")
    assert isinstance(eerp, EERP)
    assert isinstance(nerp, NERP)
    assert verify(replace(eerp, user="OTHER"))
    assert verify(replace(nerp, reas="99", reast="something else"))


def test_any_of_several_certificates_may_have_signed() -> None:
    """OFTP-48, interop list 11: the previous or another receipt certificate."""
    assert verify(signed("EERP", signer="old"), candidates=("ours", "old"))


def test_a_hash_of_another_suite_is_not_signed() -> None:
    """OFTP-47"""
    with pytest.raises(InvalidValue):
        sign_receipt(
            build_eerp(FILE),
            file_digest=digest_of("02"),
            suite=SUITES["04"],
            signer=a_key(),
            embed_certificate=False,
            at=None,
        )
