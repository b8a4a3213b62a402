"""A CEM message over AS2: what the one core packs arrives through the other, and the MIC covers all of it (CEM-8, CEM-11, CEM-49)."""

import hashlib
from typing import Any

import pytest

from counterseal.kernel.keys import Digest
from counterseal.protocols import as2
from counterseal.protocols.cem.limits import USUAL_LIMITS
from counterseal.protocols.cem.package import Packed, build_request, build_response, content_ids, open_package
from tests.protocols.as2.parties import OnWire, alpha, built, encryption, open_, signing
from tests.protocols.cem.minting import a_response, chain, request_for

CHAIN = chain()
REQUEST = request_for(CHAIN)
RESPONSE = a_response()
ROOT_ID = content_ids("7f3c2a", "alpha.example", 1)[0]
PACKED: dict[str, tuple[Packed, object]] = {
    "request": (
        build_request(REQUEST, [CHAIN], root_content_id=ROOT_ID, allow_incomplete_chains=False),
        REQUEST,
    ),
    "response": (build_response(RESPONSE, root_content_id=ROOT_ID), RESPONSE),
}
FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "signed": {"sign": signing()},
    "encrypted": {"encrypt": encryption()},
    "signed, encrypted": {"sign": signing(), "encrypt": encryption()},
    "compressed, signed, encrypted": {
        "sign": signing(),
        "encrypt": encryption(),
        "compress": as2.Compression.BEFORE_SIGNING,
    },
    "signed, compressed": {"sign": signing(), "compress": as2.Compression.AFTER_SIGNING},
}


def sent(packed: Packed, form: str) -> OnWire:
    entity = as2.Entity(
        headers=tuple(packed.headers), body=(packed.body,), size=len(packed.body), transfer_encoding=None
    )
    return built(entity, **FORMS[form])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", PACKED)
def test_cem_11_a_packed_message_is_read_again_under_every_protection(kind: str, form: str) -> None:
    packed, message = PACKED[kind]
    result = open_(sent(packed, form))
    (part,) = result.parts.heads
    assert part.cem
    package = open_package(part.headers, result.content, USUAL_LIMITS)
    assert package.message == message
    assert package.leniencies == frozenset()


@pytest.mark.parametrize("form", [form for form in FORMS if form != "plain" and "compressed, signed" not in form])
@pytest.mark.parametrize("kind", PACKED)
def test_cem_49_the_mic_covers_the_whole_multipart_with_its_headers(kind: str, form: str) -> None:
    packed, _ = PACKED[kind]
    wire = sent(packed, form)
    covered = packed.headers.encode() + packed.body
    expected = hashlib.sha256(covered).digest()
    assert wire.mics[Digest.SHA256] == expected
    assert open_(wire).message.progress.mics[Digest.SHA256] == expected


@pytest.mark.parametrize("kind", PACKED)
def test_cem_49_without_a_layer_the_mic_covers_the_multipart_alone(kind: str) -> None:
    packed, _ = PACKED[kind]
    wire = sent(packed, "plain")
    assert open_(wire).message.progress.mics[Digest.SHA256] == hashlib.sha256(packed.body).digest()


@pytest.mark.parametrize("kind", PACKED)
def test_cem_8_the_signers_certificate_is_inside_the_signature(kind: str) -> None:
    result = open_(sent(PACKED[kind][0], "signed, encrypted"))
    assert alpha().der in result.message.progress.embedded
    assert [signer.certificate for signer in result.message.signers] == [alpha().certificate]
