"""BER as other products write it: indefinite lengths, segments in segments, any split of the input."""

import itertools
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.protocols.cms import (
    DEFAULT_LIMITS,
    ContentKind,
    certs_only,
    compress,
    content_kind,
    decompress,
    decrypt,
    encrypt,
    open_signed,
    read_certs_only,
    sign_attached,
    tlv,
)
from tests.protocols.cms.keys import ec_holder, rsa_holder
from tests.protocols.cms.messages import (
    GCM,
    LARGE,
    TEXT,
    attached,
    compressed,
    encrypted,
    encrypting,
    read_compressed,
    read_encrypted,
    read_signed,
    signing,
    whole,
)

SIGNED = attached(TEXT, signing(certificates=(rsa_holder().certificate_der,)), definite=False)
ENVELOPED = encrypted(TEXT, definite=False)
SEALED = encrypted(TEXT, encrypting(ec_holder(), cipher=GCM[0], authenticated=True), definite=False)
COMPRESSED = compressed(random.Random(7).randbytes(70_000))

MESSAGES: dict[str, tuple[bytes, bytes, Callable[..., bytes]]] = {
    "signed": (attached(TEXT), TEXT, lambda m: read_signed(m)[0]),
    "signed indefinite": (SIGNED, TEXT, lambda m: read_signed(m)[0]),
    "signed with EC": (attached(TEXT, signing(ec_holder())), TEXT, lambda m: read_signed(m, ec_holder())[0]),
    "enveloped": (encrypted(TEXT), TEXT, read_encrypted),
    "enveloped indefinite": (ENVELOPED, TEXT, read_encrypted),
    "auth-enveloped": (SEALED, TEXT, lambda m: read_encrypted(m, ec_holder())),
    "gcm in enveloped": (encrypted(TEXT, encrypting(cipher=GCM[1])), TEXT, read_encrypted),
    "compressed": (compressed(TEXT), TEXT, read_compressed),
    "compressed indefinite": (COMPRESSED, random.Random(7).randbytes(70_000), read_compressed),
}


def split(message: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(cut % (len(message) + 1) for cut in cuts), len(message)]
    return (message[start:end] for start, end in itertools.pairwise(edges))


@pytest.mark.parametrize("name", MESSAGES)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(min_value=0, max_value=100_000), max_size=12))
def test_a_message_in_any_split_gives_the_whole_content(name: str, cuts: list[int]) -> None:
    message, content, read = MESSAGES[name]
    assert read(split(message, cuts)) == content


@pytest.mark.parametrize("name", [name for name in MESSAGES if name != "compressed indefinite"])
def test_a_message_one_octet_at_a_time_gives_the_whole_content(name: str) -> None:
    message, content, read = MESSAGES[name]
    assert read(message[i : i + 1] for i in range(len(message))) == content


@pytest.mark.parametrize("name", MESSAGES)
def test_a_source_may_reuse_its_buffer(name: str) -> None:
    message, content, read = MESSAGES[name]
    buffer = bytearray(513)

    def reusing() -> Iterator[memoryview]:
        for start in range(0, len(message), len(buffer)):
            part = message[start : start + len(buffer)]
            buffer[:] = b"\xee" * len(buffer)
            buffer[: len(part)] = part
            yield memoryview(buffer)[: len(part)]

    assert read(reusing()) == content


def to_ber(der: bytes, choose: Callable[[int], int]) -> bytes:
    """The same value as hand-made BER: indefinite lengths, long lengths, octet strings cut and nested at will."""
    node = tlv.parse(der)
    if node.tag == tlv.OCTET_STRING and choose(3) != 0:
        return segments(node.body, choose)
    if not node.constructed:
        return long_form(node.tag, node.body, choose)
    body = b"".join(to_ber(child.raw, choose) for child in node.children())
    if choose(2):
        return bytes([node.tag]) + tlv.INDEFINITE + body + tlv.END_OF_CONTENTS
    return long_form(node.tag, body, choose)


def segments(value: bytes, choose: Callable[[int], int], tag: int = tlv.SEGMENTED_OCTETS, depth: int = 0) -> bytes:
    parts: list[bytes] = []
    start = 0
    while start < len(value) or not parts:
        size = choose(len(value) + 1)
        part = value[start : start + size]
        nested = depth < 3 and choose(4) == 0
        parts.append(segments(part, choose, depth=depth + 1) if nested else tlv.octet_string(part))
        start += size
    body = b"".join(parts)
    return bytes([tag]) + tlv.INDEFINITE + body + tlv.END_OF_CONTENTS if choose(2) else long_form(tag, body, choose)


def long_form(tag: int, body: bytes, choose: Callable[[int], int]) -> bytes:
    extra = choose(3)
    if not extra:
        return tlv.tlv(tag, body)
    octets = len(body).to_bytes(4 + extra, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + body


@pytest.mark.parametrize("name", ["signed", "signed with EC", "compressed"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_any_ber_spelling_of_a_message_reads_like_its_der(name: str, seed: int) -> None:
    """Signed attributes included: the signature covers their DER, not what came (RFC 5652 5.4)."""
    message, content, read = MESSAGES[name]
    assert read([to_ber(message, random.Random(seed).randrange)]) == content


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_any_segmentation_of_ciphertext_decrypts(seed: int) -> None:
    choose = random.Random(seed).randrange
    message = encrypted(TEXT)
    ciphertext = message[-(len(TEXT) // 16 + 1) * 16 :]
    # 0x80, then a length of two octets in long form, stand in front of it.
    front = message[: -len(ciphertext) - 4]
    recoded = segments(ciphertext, choose, tag=tlv.context(0))
    inner = front[front.rindex(tlv.oid("1.2.840.113549.1.7.1")) :] + recoded
    outer = tlv.parse(message)
    kind, holder = outer.children()
    version, recipients, _ = next(iter(holder.children())).children()
    content = tlv.sequence(version.raw, recipients.raw, tlv.sequence(inner))
    assert read_encrypted([tlv.sequence(kind.raw, tlv.tlv(tlv.context(0), content))]) == TEXT


def test_segments_of_a_thousand_octets_read() -> None:
    """oftp2-scx.md C.27: an old stack cuts at 1,000."""
    message = attached(LARGE)
    start = message.index(LARGE)
    parts = [tlv.octet_string(LARGE[i : i + 1000]) for i in range(0, len(LARGE), 1000)]
    content = tlv.parse(message)
    kind, holder = content.children()
    version, digests, _, infos = next(iter(holder.children())).children()
    octets = b"\x24\x80" + b"".join(parts) + tlv.END_OF_CONTENTS
    inner = tlv.sequence(tlv.oid("1.2.840.113549.1.7.1"), tlv.tlv(tlv.context(0), octets))
    body = b"\x30\x80" + version.raw + digests.raw + inner + infos.raw + tlv.END_OF_CONTENTS
    recoded = b"\x30\x80" + kind.raw + b"\xa0\x80" + body + tlv.END_OF_CONTENTS * 2
    assert start
    assert read_signed([recoded])[0] == LARGE


@pytest.mark.parametrize("surplus", [b"\x00\x00", b"\x00" * 100, b"again" * 100])
@pytest.mark.parametrize("name", MESSAGES)
def test_octets_behind_the_end_are_ignored(name: str, surplus: bytes) -> None:
    """oftp2-scx.md C.27: a trailer written twice, at every layer."""
    message, content, read = MESSAGES[name]
    assert read([message, surplus]) == content
    assert read([message + surplus]) == content


def test_surplus_inside_an_envelope_is_ignored_too() -> None:
    assert read_signed([read_encrypted([encrypted(SIGNED + b"\x00\x00\x00\x00")])])[0] == TEXT


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (SIGNED, ContentKind.SIGNED),
        (attached(TEXT), ContentKind.SIGNED),
        (ENVELOPED, ContentKind.ENVELOPED),
        (encrypted(LARGE), ContentKind.ENVELOPED),
        (SEALED, ContentKind.AUTH_ENVELOPED),
        (COMPRESSED, ContentKind.COMPRESSED),
        (certs_only([rsa_holder().certificate_der]), ContentKind.SIGNED),
        (tlv.sequence(tlv.oid("1.2.840.113549.1.7.1")), ContentKind.DATA),
        (tlv.sequence(tlv.oid("1.2.3.4")), ContentKind.UNKNOWN),
        (b"", ContentKind.UNKNOWN),
        (b"0", ContentKind.UNKNOWN),
        (b"MIME-Version: 1.0", ContentKind.UNKNOWN),
        (b"\x30\x80\x06\x7f", ContentKind.UNKNOWN),
    ],
)
def test_the_first_octets_tell_the_kind(message: bytes, kind: ContentKind) -> None:
    assert content_kind(message) is kind
    assert content_kind(message[:32]) is kind


@settings(max_examples=100, deadline=None)
@given(head=st.binary(max_size=64))
def test_the_kind_of_garbage_is_no_error(head: bytes) -> None:
    assert content_kind(head) in ContentKind


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_certs_only_in_any_ber_spelling_of_its_frame_is_read(seed: int) -> None:
    choose = random.Random(seed).randrange
    certificates = sorted([rsa_holder().certificate_der, ec_holder().certificate_der])
    kind, holder = tlv.parse(certs_only(certificates)).children()
    version, digests, content, _, infos = next(iter(holder.children())).children()
    bag = long_form(tlv.context(0), b"".join(certificates), choose)
    if choose(2):
        bag = b"\xa0\x80" + b"".join(certificates) + tlv.END_OF_CONTENTS
    frame = [to_ber(part.raw, choose) for part in (version, digests, content)]
    body = b"\x30\x80" + b"".join(frame) + bag + to_ber(infos.raw, choose) + tlv.END_OF_CONTENTS
    message = b"\x30\x80" + kind.raw + b"\xa0\x80" + body + tlv.END_OF_CONTENTS * 2
    assert list(read_certs_only(message, limits=DEFAULT_LIMITS)) == certificates


@pytest.mark.parametrize("content", [b"", b"x", TEXT, LARGE, LARGE[:65536], LARGE[:65535]], ids=len)
@pytest.mark.parametrize("definite", [True, False])
def test_layers_nest_while_streaming(content: bytes, definite: bool) -> None:
    """Sign, compress, encrypt: each reads from the one before, as it goes."""
    signed = sign_attached(iter([content]), signing(), size=len(content) if definite else None)
    sealed = encrypt(compress(signed, level=1), encrypting(), entropy=bytes, size=None)
    opened = decrypt((bytes(part) for part in sealed), [rsa_holder()], limits=DEFAULT_LIMITS)
    stream = open_signed(decompress(opened.chunks(), limits=DEFAULT_LIMITS), limits=DEFAULT_LIMITS)
    assert whole(stream.chunks()) == content
    assert stream.verify([rsa_holder().certificate]).signers
