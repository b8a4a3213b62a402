"""Payloads stream: 64 MB go through building and opening, and only a few chunks are ever held."""

import hashlib
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from counterseal.kernel.keys import Digest
from counterseal.kernel.mime import Chunk, TransferEncoding
from counterseal.protocols import as2, cms
from tests.protocols.as2.parties import (
    alpha,
    bravo,
    decrypter,
    encryption,
    entropy,
    envelope,
    protection,
    signing,
)

SIZE = 64 * 1024 * 1024
CHUNK = 256 * 1024
PEAK = 8 * 1024 * 1024
"""Measured: 1 to 5 MB, with base64 the most. The payload is eight times this limit."""


class Counter:
    """A sink that keeps nothing but the count."""

    def __init__(self) -> None:
        self.octets = 0

    def begin(self, part: as2.PartHead) -> None: ...

    def write(self, chunk: Chunk) -> None:
        self.octets += len(chunk)

    def end(self) -> None: ...


def payload(size: int) -> Iterator[bytes]:
    """A quarter noise, so that compression is neither nothing nor a bomb."""
    block = bytes(range(256)) * (CHUNK // 256)
    for at in range(0, size, CHUNK):
        yield hashlib.shake_128(at.to_bytes(8, "big")).digest(CHUNK // 4) + block[CHUNK // 4 :]


FORMS: dict[str, dict[str, Any]] = {
    "signed, encrypted": {"sign": signing(), "encrypt": encryption()},
    "compressed, signed, encrypted": {
        "sign": signing(),
        "encrypt": encryption(),
        "compress": as2.Compression.BEFORE_SIGNING,
    },
    "signed, encrypted with GCM": {
        "sign": signing(),
        "encrypt": encryption(cipher=cms.ContentCipher.AES_256_GCM, authenticated=True),
    },
    "signed, compressed": {"sign": signing(), "compress": as2.Compression.AFTER_SIGNING},
    "signed, base64": {"sign": signing()},
    "plain": {},
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_large_message_is_built_and_opened_in_constant_memory(form: str) -> None:
    encoding = TransferEncoding.BASE64 if "base64" in form else TransferEncoding.BINARY
    entity = as2.document_entity(
        payload(SIZE), content_type="application/octet-stream", file_name="a", size=SIZE, transfer_encoding=encoding
    )
    sink = Counter()
    tracemalloc.start()
    try:
        message = as2.build_message(entity, envelope=envelope(), protection=protection(**FORMS[form]), entropy=entropy)
        opened = as2.open_message(
            as2.MessageHead.parse(message.headers),
            message.chunks(),
            keys=[decrypter(bravo())],
            signers=[alpha().certificate],
            sink=sink,
            limits=as2.DEFAULT_LIMITS,
            strictness=as2.Strictness(headerless_documents=False),
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sink.octets == SIZE
    assert opened.progress.mics[Digest.SHA256] == message.mics[Digest.SHA256]
    assert peak < PEAK
