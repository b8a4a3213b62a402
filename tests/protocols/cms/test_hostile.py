"""Messages that lie: garbage, mutations, cuts, bombs, and every limit."""

import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from fuzz.cms import fuzz, seeds
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.kernel.errors import PeerFault
from counterseal.protocols.cms import (
    DEFAULT_LIMITS,
    Chunk,
    ContentCipher,
    DecompressionFailed,
    DecryptionFailed,
    LimitExceeded,
    Limits,
    Malformed,
    UnsupportedAlgorithm,
    certs_only,
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
from tests.protocols.cms.test_ber import MESSAGES
from tests.protocols.cms.test_independent_reader import compressed_by_zlib, sealed
from tests.protocols.cms.test_signatures import message, signer_info

SEEDS = seeds()

# --- only PeerFault escapes


@settings(max_examples=300, deadline=None)
@given(garbage=st.binary(max_size=300))
def test_garbage_raises_only_peer_faults(garbage: bytes) -> None:
    fuzz(garbage)
    fuzz(garbage[:2] + b"\x30\x80" + garbage[2:])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    octets = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(min_value=1, max_value=4))):
        at = draw(st.integers(min_value=2, max_value=len(octets) - 1))
        match draw(st.integers(min_value=0, max_value=4)):
            case 0:
                octets[at] = draw(st.integers(min_value=0, max_value=255))
            case 1:
                octets[at] = draw(
                    st.sampled_from([0x00, 0x04, 0x24, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x84, 0xA0, 0xA1, 0xFF])
                )
            case 2:
                del octets[at : at + draw(st.integers(min_value=1, max_value=40))]
            case 3:
                octets[at:at] = draw(st.binary(min_size=1, max_size=20))
            case _:
                octets[at:at] = octets[at : at + draw(st.integers(min_value=1, max_value=200))]
        if len(octets) < 4:
            break
    octets[1] = draw(st.sampled_from([0, 1, 7, 100]))
    return bytes(octets)


@settings(max_examples=600, deadline=None)
@given(data=mutated())
def test_mutated_messages_raise_only_peer_faults(data: bytes) -> None:
    fuzz(data)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None)
@given(data=mutated())
def test_many_mutated_messages_raise_only_peer_faults(data: bytes) -> None:
    fuzz(data)


@pytest.mark.parametrize(
    "name", ["signed", "signed indefinite", "signed with EC", "auth-enveloped", "gcm in enveloped"]
)
@settings(max_examples=60, deadline=None)
@given(where=st.integers(min_value=0), value=st.integers(min_value=1, max_value=255))
def test_a_changed_protected_message_never_gives_other_content(name: str, where: int, value: int) -> None:
    octets, content, read = MESSAGES[name]
    at = where % len(octets)
    changed = octets[:at] + bytes([octets[at] ^ value]) + octets[at + 1 :]
    try:
        given_content = read([changed])
    except PeerFault:
        return
    assert given_content == content


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_cut_off_anywhere_is_refused(name: str) -> None:
    octets, _, read = MESSAGES[name]
    step = max(1, len(octets) // 150)
    for end in [*range(0, len(octets), step), *range(len(octets) - 12, len(octets))]:
        with pytest.raises(PeerFault):
            read([octets[:end]])


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_of_another_kind_is_malformed(name: str) -> None:
    octets, _, read = MESSAGES[name]
    other = compressed(TEXT) if "compressed" not in name else attached()
    with pytest.raises(Malformed):
        read([other])
    with pytest.raises(Malformed):
        read([])
    with pytest.raises(Malformed):
        read([b"\x31" + octets[1:]])


def test_a_fault_of_the_source_passes_through() -> None:
    class SourceFault(PeerFault):
        code = "test.source"

    def failing() -> Iterator[bytes]:
        yield attached()[:50]
        raise SourceFault("the layer below broke")

    with pytest.raises(SourceFault):
        read_signed(failing())


# --- lengths that lie


@pytest.mark.parametrize(
    "octets",
    [
        b"\x30\x84\x7f\xff\xff\xff",
        b"\x30\x88\x7f\xff\xff\xff\xff\xff\xff\xff\x06\x89" + bytes(9),
        b"\x30\x89" + bytes(9),
        b"\x30\xff" + bytes(127),
        b"\x30\x05\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
        b"\x3f\x81\x01\x00",
        b"\x10\x80\x00\x00",
        b"\x30\x80\x00\x00",
        b"\x30\x80\x00\x01",
        b"\x30\x00",
    ],
    ids=bytes.hex,
)
def test_lengths_and_tags_that_lie_are_malformed(octets: bytes) -> None:
    for read in (read_signed, read_encrypted, read_compressed):
        with pytest.raises(Malformed):
            read([octets])


def test_content_longer_than_its_holder_is_refused_before_it_is_read() -> None:
    octets = attached(LARGE)
    at = octets.index(LARGE)
    longer = octets[: at - 3] + (len(LARGE) * 2).to_bytes(3, "big") + octets[at:]
    assert len(longer) == len(octets)

    def source() -> Iterator[bytes]:
        yield longer[:at]
        raise AssertionError("read on")

    with pytest.raises(Malformed):
        open_signed(source(), limits=DEFAULT_LIMITS)


def test_an_element_that_announces_a_terabyte_costs_nothing() -> None:
    kind = tlv.oid("1.2.840.113549.1.7.2")
    octets = b"\x30\x80" + kind + b"\xa0\x80\x30\x80\x02\x01\x01\x31\x86\x01\x00\x00\x00\x00\x00"
    with pytest.raises(LimitExceeded):
        read_signed([octets])


# --- limits


def limited(**bounds: int) -> Limits:
    return replace(DEFAULT_LIMITS, **bounds)


def test_nesting_of_content_is_limited() -> None:
    octets = b"\x04\x01x"
    for _ in range(40):
        octets = b"\x24\x80" + octets + b"\x00\x00"
    nested = tlv.parse(message(signer_info(), content=b""))
    kind, holder = nested.children()
    version, digests, _, infos = next(iter(holder.children())).children()
    inner = tlv.sequence(tlv.oid("1.2.840.113549.1.7.1"), tlv.tlv(tlv.context(0), octets))
    body = tlv.sequence(version.raw, digests.raw, inner, infos.raw)
    with pytest.raises(LimitExceeded):
        read_signed([tlv.sequence(kind.raw, tlv.tlv(tlv.context(0), body))])


@pytest.mark.parametrize("opening", [b"\x30\x80", b"\xa0\x80", b"\x24\x80"])
def test_nesting_outside_the_content_is_limited(opening: bytes) -> None:
    start = b"\x30\x80" + tlv.oid("1.2.840.113549.1.7.2") + b"\xa0\x80\x30\x80\x02\x01\x01"
    for octets in (start + opening * 100_000, start + b"\x31\x80" + opening * 100_000, opening * 100_000):
        with pytest.raises((LimitExceeded, Malformed)):
            read_signed([octets])
    with pytest.raises((LimitExceeded, Malformed)):
        tlv.parse(opening * 100_000)


def test_a_deeply_nested_definite_attribute_is_limited() -> None:
    value = b"\x05\x00"
    for _ in range(60):
        value = tlv.tlv(0x24, value)
    attributes = tlv.set_of(tlv.sequence(tlv.oid("1.2.3.4"), tlv.set_of(value)))
    with pytest.raises(LimitExceeded):
        read_signed([message(signer_info(attributes=attributes))])


def test_the_size_of_an_element_is_limited() -> None:
    with pytest.raises(LimitExceeded):
        read_certs_only(certs_only([tlv.sequence(bytes(300_000))]), limits=DEFAULT_LIMITS)
    assert read_certs_only(certs_only([tlv.sequence(bytes(300_000))]), limits=limited(max_element_bytes=400_000)) == (
        tlv.sequence(bytes(300_000)),
    )


def test_the_size_of_an_indefinite_element_is_limited() -> None:
    parts = b"".join(tlv.octet_string(bytes(1000)) for _ in range(400))
    element = b"\x30\x80" + parts + b"\x00\x00"
    octets = certs_only([tlv.sequence(b"")]).replace(b"\xa0\x02\x30\x00", b"\xa0\x80" + element + b"\x00\x00")
    kind = tlv.oid("1.2.840.113549.1.7.2")
    body = octets[octets.index(b"\x02\x01\x01") :]
    with pytest.raises(LimitExceeded):
        read_certs_only(b"\x30\x80" + kind + b"\xa0\x80\x30\x80" + body + bytes(6), limits=DEFAULT_LIMITS)


def test_everything_outside_the_content_together_is_limited() -> None:
    many = certs_only([tlv.sequence(bytes(200_000)) for _ in range(30)])
    with pytest.raises(LimitExceeded):
        read_certs_only(many, limits=DEFAULT_LIMITS)


def test_the_number_of_certificates_is_limited() -> None:
    assert len(read_certs_only(certs_only([tlv.sequence()] * 100), limits=DEFAULT_LIMITS)) == 100
    with pytest.raises(LimitExceeded):
        read_certs_only(certs_only([tlv.sequence()] * 101), limits=DEFAULT_LIMITS)


def test_the_number_of_signers_is_limited() -> None:
    info = signer_info()
    assert len(read_signed([message(*[info] * 16)])[1].signers) == 16
    with pytest.raises(LimitExceeded):
        read_signed([message(*[info] * 17)])


def test_the_number_of_recipients_is_limited() -> None:
    plan = encrypting(*[ec_holder()] * 4)
    with pytest.raises(LimitExceeded):
        read_encrypted([encrypted(TEXT, plan)], ec_holder(), limits=limited(max_recipients=3))
    assert read_encrypted([encrypted(TEXT, plan)], ec_holder(), limits=limited(max_recipients=4)) == TEXT


@pytest.mark.parametrize("name", MESSAGES)
def test_the_size_of_the_content_is_limited(name: str) -> None:
    octets, content, _ = MESSAGES[name]
    held = [rsa_holder(), ec_holder()]

    def read(limits: Limits) -> bytes:
        if "compressed" in name:
            return read_compressed([octets], limits=limits)
        if "signed" in name:
            return read_signed([octets], *held, limits=limits)[0]
        return read_encrypted([octets], *held, limits=limits)

    # Ciphertext and incompressible content are a little longer than the content itself.
    assert read(limited(max_content_bytes=len(content) + 100)) == content
    with pytest.raises(LimitExceeded):
        read(limited(max_content_bytes=len(content) - 1))


@pytest.mark.parametrize("name", MESSAGES)
def test_surplus_octets_are_limited(name: str) -> None:
    octets, _, read = MESSAGES[name]
    with pytest.raises(LimitExceeded):
        read([octets, bytes(65_537)])


def test_ccm_content_is_limited() -> None:
    octets = sealed(ContentCipher.AES_256_CCM, TEXT, tag_bytes=16, inside=True)
    assert read_encrypted([octets], limits=limited(max_ccm_bytes=len(TEXT) + 16)) == TEXT
    with pytest.raises(LimitExceeded):
        read_encrypted([octets], limits=limited(max_ccm_bytes=len(TEXT)))


# --- compression


def bomb(size: int) -> bytes:
    deflater = zlib.compressobj(9)
    return b"".join([deflater.compress(bytes(1024 * 1024)) for _ in range(size)]) + deflater.flush()


def test_an_inflation_bomb_is_stopped_early() -> None:
    sizes: list[int] = []
    chunks = decompress([compressed_by_zlib(bomb(64))], limits=DEFAULT_LIMITS)
    with pytest.raises(LimitExceeded):
        sizes.extend(len(chunk) for chunk in chunks)
    # The whole bomb has 64 MiB in about 64 KiB: stopped at 250 times that, or at the free 8 MiB.
    assert 8 * 1024 * 1024 < sum(sizes) <= 20 * 1024 * 1024


def test_high_ratios_pass_while_they_are_small() -> None:
    assert read_compressed([compressed_by_zlib(bomb(8))]) == bytes(8 * 1024 * 1024)


def test_damaged_compressed_content_fails() -> None:
    deflated = bytearray(zlib.compress(LARGE))
    deflated[-1] ^= 1  # the checksum
    with pytest.raises(DecompressionFailed):
        read_compressed([compressed_by_zlib(bytes(deflated))])
    for broken in (b"", b"x", zlib.compress(LARGE)[:-1], zlib.compress(LARGE)[2:]):
        with pytest.raises(DecompressionFailed):
            read_compressed([compressed_by_zlib(broken)])


def test_compressed_data_without_content_fails() -> None:
    octets = compressed_by_zlib(b"")
    node = tlv.parse(octets)
    kind, holder = node.children()
    version, algorithm, _ = next(iter(holder.children())).children()
    body = tlv.sequence(version.raw, algorithm.raw, tlv.sequence(tlv.oid("1.2.840.113549.1.7.1")))
    with pytest.raises(DecompressionFailed):
        read_compressed([tlv.sequence(kind.raw, tlv.tlv(tlv.context(0), body))])
    other = octets.replace(tlv.oid("1.2.840.113549.1.9.16.3.8"), tlv.oid("1.2.840.113549.1.9.16.3.9"))
    with pytest.raises(UnsupportedAlgorithm):
        read_compressed([other])


def test_octets_behind_the_compressed_stream_are_ignored_up_to_the_limit() -> None:
    assert read_compressed([compressed_by_zlib(zlib.compress(TEXT) + b"surplus")]) == TEXT
    long = compressed_by_zlib(zlib.compress(TEXT) + bytes(100_000))
    for step in (1 << 20, 10_000):
        with pytest.raises(LimitExceeded):
            read_compressed(long[start : start + step] for start in range(0, len(long), step))


@pytest.mark.parametrize("level", [1, 3, 6, 9])
def test_zlib_takes_isals_place(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules["counterseal.protocols.cms.compress"]
    noise = random.Random(3).randbytes(150_000)
    written = [whole(module.compress([content], level=level)) for content in (b"", TEXT, noise)]
    monkeypatch.setattr(module, "_codec", zlib)
    monkeypatch.setattr(module, "_FAULTS", (zlib.error,))
    monkeypatch.setattr(module, "_MAX_LEVEL", 9)
    assert [read_compressed([octets]) for octets in written] == [b"", TEXT, noise]
    written = [whole(module.compress([content], level=level)) for content in (b"", TEXT, noise)]
    with pytest.raises(DecompressionFailed):
        read_compressed([compressed_by_zlib(b"damaged")])
    with pytest.raises(LimitExceeded):
        read_compressed([compressed_by_zlib(bomb(64))])
    monkeypatch.undo()
    assert [read_compressed([octets]) for octets in written] == [b"", TEXT, noise]


# --- memory


def _flow(size: int) -> Iterator[Chunk]:
    signed = sign_attached(_zeros(size), signing(), size=None)
    sealed_parts = encrypt(signed, encrypting(), entropy=bytes, size=None)
    stream = open_signed(decrypt(sealed_parts, [rsa_holder()], limits=DEFAULT_LIMITS).chunks(), limits=DEFAULT_LIMITS)
    yield from stream.chunks()
    stream.verify([rsa_holder().certificate])


def _zeros(size: int) -> Iterator[bytes]:
    part = bytes(100_000)
    for start in range(0, size, len(part)):
        yield part[: size - start]


def test_no_reader_or_writer_holds_the_content() -> None:
    size = 32 * 1024 * 1024
    assert sum(len(chunk) for chunk in _flow(200_000)) == 200_000
    tracemalloc.start()
    try:
        assert sum(len(chunk) for chunk in _flow(size)) == size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * 1024 * 1024


def test_content_is_given_before_the_message_ends() -> None:
    taken = 0

    def counted(octets: bytes) -> Iterator[bytes]:
        nonlocal taken
        for start in range(0, len(octets), 10_000):
            taken += 1
            yield octets[start : start + 10_000]

    readers: list[Callable[[Iterator[bytes]], Iterator[Chunk]]] = [
        lambda parts: decrypt(parts, [rsa_holder()], limits=DEFAULT_LIMITS).chunks(),
        lambda parts: open_signed(parts, limits=DEFAULT_LIMITS).chunks(),
    ]
    for octets, read in zip((encrypted(LARGE), attached(LARGE)), readers, strict=True):
        taken = 0
        next(read(counted(octets)))
        assert taken < len(octets) // 10_000


def test_the_fuzz_target_would_notice_a_foreign_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    import fuzz.cms as target

    def broken(parts: Iterator[bytes]) -> int:
        raise KeyError(len(b"".join(parts)))

    monkeypatch.setattr(target, "READERS", [broken])
    with pytest.raises(KeyError):
        target.fuzz(SEEDS[0])


def test_the_seeds_of_the_fuzz_target_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or its mutations would all end at the first octet."""
    import fuzz.cms as target

    class Never(Exception):
        pass

    monkeypatch.setattr(target, "PeerFault", Never)
    for seed in SEEDS:
        target.fuzz(seed)
    with pytest.raises(DecryptionFailed):
        target.fuzz(SEEDS[5][:-1] + bytes([SEEDS[5][-1] ^ 1]))
