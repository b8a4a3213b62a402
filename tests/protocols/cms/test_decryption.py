"""Every way in which decryption fails looks the same, whatever the sender tries to learn from it."""

import secrets
from collections.abc import Callable, Sequence

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from counterseal.kernel.errors import CallerFault, EnvironmentFault
from counterseal.kernel.keys import KeyTransport
from counterseal.protocols.cms import (
    DEFAULT_LIMITS,
    ContentCipher,
    ContentSizeDiffers,
    DecryptionFailed,
    Malformed,
    UnsupportedAlgorithm,
    algorithms,
    decrypt,
    encrypt,
    encrypted_size,
    envelope,
    tlv,
)
from counterseal.protocols.cms.recipients import build_recipient
from tests.protocols.cms.keys import HeldKey, ec_holder, mint, rsa_holder
from tests.protocols.cms.messages import (
    CBC,
    GCM,
    LARGE,
    RSA_TRANSPORTS,
    TEXT,
    encrypted,
    encrypting,
    pieces,
    read_encrypted,
    whole,
)


def enveloped(
    content_key: bytes,
    ciphertext: bytes,
    nonce: bytes,
    *,
    cipher: ContentCipher = ContentCipher.AES_256_CBC,
    transport: KeyTransport = KeyTransport.RSA_PKCS1,
    recipients: Sequence[bytes] | None = None,
    algorithm: bytes | None = None,
    tail: bytes = b"",
) -> bytes:
    """An EnvelopedData in which any part may be another."""
    if recipients is None:
        recipients = [build_recipient(rsa_holder().certificate, content_key, transport, secrets.token_bytes)]
    inner = tlv.sequence(
        tlv.oid(envelope.DATA),
        algorithm or algorithms.cipher_algorithm(cipher, nonce),
        tlv.tlv(0x80, ciphertext),
    )
    content = tlv.sequence(tlv.integer(0), tlv.tlv(tlv.SET, *recipients), inner, tail)
    return envelope.seal_envelope(envelope.ENVELOPED_DATA, content)


KEY, IV = bytes(range(32)), bytes(range(16))


def cbc(padded: bytes) -> bytes:
    context = Cipher(AES(KEY), modes.CBC(IV)).encryptor()
    return context.update(padded) + context.finalize()


def last_octet_changed(message: bytes) -> bytes:
    return message[:-1] + bytes([message[-1] ^ 1])


def _impostor() -> HeldKey:
    """The recipient's name and serial with another key."""
    return mint(rsa_holder("other", serial=1).key, "alpha", serial=4711)


def _ec_impostor(curve: str) -> HeldKey:
    return mint(ec_holder(curve, "other").key, "echo p256", serial=ec_holder().certificate.serial)


FAILURES: dict[str, Callable[[], tuple[bytes, HeldKey]]] = {
    "no recipient": lambda: (encrypted(TEXT), rsa_holder("other", serial=1)),
    "no recipient at all": lambda: (enveloped(KEY, cbc(bytes(15) + b"\x01"), IV, recipients=[]), rsa_holder()),
    "padding of zero": lambda: (enveloped(KEY, cbc(bytes(32)), IV), rsa_holder()),
    "padding of 17": lambda: (enveloped(KEY, cbc(b"\x11" * 32), IV), rsa_holder()),
    "uneven padding": lambda: (enveloped(KEY, cbc(bytes(29) + b"\x03\x02\x03"), IV), rsa_holder()),
    "half a block": lambda: (enveloped(KEY, cbc(bytes(15) + b"\x01")[:8], IV), rsa_holder()),
    "a block and a half": lambda: (enveloped(KEY, cbc(b"\x10" * 32)[:24], IV), rsa_holder()),
    "no ciphertext": lambda: (enveloped(KEY, b"", IV), rsa_holder()),
    "tag inside": lambda: (last_octet_changed(encrypted(TEXT, encrypting(cipher=GCM[2]))), rsa_holder()),
    "tag too short": lambda: (enveloped(KEY, bytes(15), bytes(12), cipher=GCM[2]), rsa_holder()),
    "mac": lambda: (last_octet_changed(encrypted(TEXT, encrypting(cipher=GCM[2], authenticated=True))), rsa_holder()),
    "another RSA key": lambda: (encrypted(TEXT, encrypting(cipher=GCM[2])), _impostor()),
    "another OAEP key": lambda: (
        encrypted(TEXT, encrypting(transport=KeyTransport.RSA_OAEP_SHA256)),
        _impostor(),
    ),
    "another EC key": lambda: (encrypted(TEXT, encrypting(ec_holder())), _ec_impostor("p256")),
    "another curve": lambda: (encrypted(TEXT, encrypting(ec_holder())), _ec_impostor("p384")),
    "an EC key for RSA": lambda: (encrypted(TEXT), mint(ec_holder().key, "alpha", serial=4711)),
    "an RSA key for ECDH": lambda: (
        encrypted(TEXT, encrypting(ec_holder())),
        mint(rsa_holder().key, "echo p256", serial=ec_holder().certificate.serial),
    ),
    "content key too short": lambda: (enveloped(b"short", bytes(40), bytes(12), cipher=GCM[2]), rsa_holder()),
    "content key empty": lambda: (enveloped(b"", bytes(40), bytes(12), cipher=GCM[2]), rsa_holder()),
    "content key too long": lambda: (enveloped(bytes(33), bytes(40), bytes(12), cipher=GCM[2]), rsa_holder()),
    "OAEP content key too short": lambda: (
        enveloped(bytes(16), bytes(40), bytes(12), cipher=GCM[2], transport=KeyTransport.RSA_OAEP_SHA1),
        rsa_holder(),
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_every_decryption_failure_looks_the_same(name: str) -> None:
    message, key = FAILURES[name]()
    with pytest.raises(DecryptionFailed) as caught:
        read_encrypted([message], key)
    fault = caught.value
    assert type(fault) is DecryptionFailed
    assert str(fault) == "cms.decryption-failed: the content could not be decrypted"
    assert fault.args == (fault.detail,) == ("the content could not be decrypted",)
    assert fault.cause
    assert fault.cause not in str(fault)


def test_the_same_failure_table_would_open_if_nothing_were_wrong() -> None:
    assert read_encrypted([enveloped(KEY, cbc(TEXT + b"\x10" * 16), IV)]) == TEXT
    assert len(TEXT) % 16 == 0


@pytest.mark.parametrize("padding", [b"\x10" * 16, bytes(16)], ids=["good", "bad"])
@pytest.mark.parametrize("broken", ["cut", "tail", "surplus"])
def test_a_broken_structure_says_the_same_for_good_and_bad_padding(padding: bytes, broken: str) -> None:
    """Told apart, the order of the two checks would be a padding oracle."""
    ciphertext = cbc(TEXT + padding)
    message = enveloped(KEY, ciphertext, IV, tail=b"\xa5\x00" if broken == "tail" else b"")
    if broken == "cut":
        message = b"\x30\x80" + message[4:]  # the end-of-contents mark is missing
    source = [message, bytes(100_000)] if broken == "surplus" else [message]
    with pytest.raises(Exception) as caught:
        read_encrypted(source)
    expected = {"cut": "cms.malformed", "tail": "cms.malformed", "surplus": "cms.limit-exceeded"}[broken]
    assert str(caught.value).startswith(expected)


def test_a_wrong_content_key_length_goes_on_with_a_random_key() -> None:
    """Nobody who forges a short key may know what takes its place."""
    recipients = [build_recipient(rsa_holder().certificate, b"", KeyTransport.RSA_PKCS1, secrets.token_bytes)]
    message = enveloped(b"", LARGE, bytes(12), cipher=GCM[2], recipients=recipients)
    plaintexts = set()
    for _ in range(2):
        stream = decrypt([message], [rsa_holder()], limits=DEFAULT_LIMITS)
        plaintexts.add(bytes(next(stream.chunks())[:64]))
    assert len(plaintexts) == 2


def test_a_failing_vault_is_not_taken_for_a_failing_message() -> None:
    class Away(HeldKey):
        def decrypt_key(self, encrypted_key: bytes, *, transport: KeyTransport) -> bytes:
            raise EnvironmentFault("the token was pulled")

    with pytest.raises(EnvironmentFault):
        read_encrypted([encrypted(TEXT)], Away(rsa_holder().key, rsa_holder().certificate))


def test_the_first_fitting_key_is_used_and_named() -> None:
    message = encrypted(TEXT, encrypting(rsa_holder(), ec_holder()))
    for keys in ([ec_holder(), rsa_holder()], [rsa_holder("other", serial=1), rsa_holder()]):
        stream = decrypt([message], keys, limits=DEFAULT_LIMITS)
        assert whole(stream.chunks()) == TEXT
        assert stream.key is (keys[0] if keys[0] is ec_holder() else keys[1])


def test_a_key_that_does_not_open_leaves_the_next_its_turn() -> None:
    message = encrypted(TEXT, encrypting(transport=KeyTransport.RSA_OAEP_SHA512))
    stream = decrypt([message], [_impostor(), rsa_holder()], limits=DEFAULT_LIMITS)
    assert whole(stream.chunks()) == TEXT
    assert stream.key is rsa_holder()


def test_other_kinds_of_recipient_are_passed_over() -> None:
    ours = build_recipient(rsa_holder().certificate, KEY, KeyTransport.RSA_PKCS1, secrets.token_bytes)
    others = [tlv.tlv(tlv.context(number), tlv.integer(0)) for number in (2, 3, 4)]
    assert read_encrypted([enveloped(KEY, cbc(TEXT + b"\x10" * 16), IV, recipients=[*others, ours])]) == TEXT


def test_unprotected_attributes_and_originator_certificates_are_passed_over() -> None:
    attributes = tlv.tlv(tlv.context(1), tlv.sequence(tlv.oid("1.2.3.4"), tlv.set_of(tlv.null())))
    message = enveloped(KEY, cbc(TEXT + b"\x10" * 16), IV, tail=attributes)
    assert read_encrypted([message]) == TEXT
    kind, holder = tlv.parse(message).children()
    version, *rest = next(iter(holder.children())).children()
    originator = tlv.tlv(tlv.context(0), tlv.tlv(tlv.context(0), rsa_holder().certificate_der))
    content = tlv.sequence(version.raw, originator, *(node.raw for node in rest))
    assert read_encrypted([tlv.sequence(kind.raw, tlv.tlv(tlv.context(0), content))]) == TEXT


@pytest.mark.parametrize(
    ("algorithm", "fault"),
    [
        (algorithms.algorithm("1.2.840.113549.3.2", tlv.integer(58)), UnsupportedAlgorithm),
        (algorithms.algorithm(algorithms.CIPHER_OIDS[CBC[0]]), Malformed),
        (algorithms.algorithm(algorithms.CIPHER_OIDS[CBC[0]], tlv.octet_string(bytes(8))), Malformed),
        (algorithms.algorithm(algorithms.CIPHER_OIDS[CBC[3]], tlv.octet_string(bytes(16))), Malformed),
        (algorithms.algorithm(algorithms.CIPHER_OIDS[GCM[0]], tlv.octet_string(bytes(4))), Malformed),
        *(
            (
                algorithms.algorithm(algorithms.CIPHER_OIDS[GCM[0]], tlv.sequence(tlv.octet_string(nonce), icv)),
                Malformed,
            )
            for nonce, icv in [
                (bytes(12), tlv.integer(4)),
                (bytes(12), tlv.integer(17)),
                (bytes(4), tlv.integer(16)),
                (bytes(200), tlv.integer(16)),
            ]
        ),
    ],
)
def test_content_ciphers_with_unfit_parameters_are_refused(algorithm: bytes, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        read_encrypted([enveloped(KEY, bytes(32), IV, algorithm=algorithm)])


def test_a_bare_nonce_for_gcm_is_read_and_its_whole_tag_verified() -> None:
    """PKI.js (libas2) writes it so, in EnvelopedData."""
    bare = algorithms.algorithm(algorithms.CIPHER_OIDS[ContentCipher.AES_256_GCM], tlv.octet_string(IV))
    message = enveloped(KEY, AESGCM(KEY).encrypt(IV, TEXT, None), IV, algorithm=bare)
    assert read_encrypted([message]) == TEXT
    with pytest.raises(DecryptionFailed):
        read_encrypted([last_octet_changed(message)])


def test_cbc_in_auth_enveloped_data_is_malformed() -> None:
    recipient = build_recipient(rsa_holder().certificate, KEY, KeyTransport.RSA_PKCS1, secrets.token_bytes)
    inner = tlv.sequence(
        tlv.oid(envelope.DATA), algorithms.cipher_algorithm(ContentCipher.AES_256_CBC, IV), tlv.tlv(0x80, bytes(16))
    )
    content = tlv.sequence(tlv.integer(0), tlv.set_of(recipient), inner, tlv.octet_string(bytes(16)))
    with pytest.raises(Malformed):
        read_encrypted([envelope.seal_envelope(envelope.AUTH_ENVELOPED_DATA, content)])


def oaep(*parts: bytes) -> bytes:
    return algorithms.algorithm(algorithms.RSAES_OAEP, tlv.sequence(*parts))


SHA256 = algorithms.digest_algorithm(next(d for d in algorithms.DIGEST_OIDS if d.value == "sha-256"))


@pytest.mark.parametrize(
    "algorithm",
    [
        oaep(tlv.tlv(tlv.context(0), SHA256)),  # the mask digest stays SHA-1: no KeyTransport says so
        oaep(tlv.tlv(tlv.context(0), algorithms.algorithm("1.2.840.113549.2.5"))),
        oaep(tlv.tlv(tlv.context(1), algorithms.algorithm("1.2.3.4", SHA256))),
        oaep(
            tlv.tlv(tlv.context(2), algorithms.algorithm(algorithms.P_SPECIFIED, tlv.octet_string(b"label"))),
        ),
        algorithms.algorithm("1.2.3.4"),
    ],
)
def test_key_transports_that_are_not_read_fail_like_any_other(algorithm: bytes) -> None:
    ours = build_recipient(rsa_holder().certificate, KEY, KeyTransport.RSA_PKCS1, secrets.token_bytes)
    version, rid, _, key = tlv.parse(ours).children()
    changed = tlv.sequence(version.raw, rid.raw, algorithm, key.raw)
    with pytest.raises(DecryptionFailed):
        read_encrypted([enveloped(KEY, cbc(TEXT + b"\x10" * 16), IV, recipients=[changed])])


@pytest.mark.parametrize("parameters", [(), (tlv.sequence(),)], ids=["absent", "empty"])
def test_oaep_without_parameters_is_sha1(parameters: tuple[bytes, ...]) -> None:
    ours = build_recipient(rsa_holder().certificate, KEY, KeyTransport.RSA_OAEP_SHA1, secrets.token_bytes)
    version, rid, _, key = tlv.parse(ours).children()
    spelled = algorithms.algorithm(algorithms.RSAES_OAEP, *parameters)
    changed = tlv.sequence(version.raw, rid.raw, spelled, key.raw)
    assert read_encrypted([enveloped(KEY, cbc(TEXT + b"\x10" * 16), IV, recipients=[changed])]) == TEXT


def test_a_content_stream_is_read_once() -> None:
    stream = decrypt([encrypted(TEXT)], [rsa_holder()], limits=DEFAULT_LIMITS)
    whole(stream.chunks())
    with pytest.raises(CallerFault):
        whole(stream.chunks())


# --- writing


@pytest.mark.parametrize("cipher", [*CBC, *GCM])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 7, 8, len(LARGE)])
def test_the_announced_size_is_the_written_one(cipher: ContentCipher, size: int) -> None:
    for authenticated in {False, cipher in GCM}:
        plan = encrypting(rsa_holder(), ec_holder(), cipher=cipher, authenticated=authenticated)
        written = encrypted(LARGE[:size], plan)
        assert len(written) == encrypted_size(size, plan)
        assert read_encrypted([written]) == LARGE[:size]


@pytest.mark.parametrize("actual", [0, 99, 101, 100_000])
def test_content_of_another_size_than_announced_is_refused(actual: int) -> None:
    with pytest.raises(ContentSizeDiffers):
        whole(encrypt(pieces(LARGE[:actual]), encrypting(), entropy=secrets.token_bytes, size=100))


@pytest.mark.parametrize("transport", RSA_TRANSPORTS)
def test_every_message_has_its_own_key_and_nonce(transport: KeyTransport) -> None:
    asked: list[int] = []

    def entropy(count: int) -> bytes:
        asked.append(count)
        return secrets.token_bytes(count)

    plan = encrypting(rsa_holder(), ec_holder(), transport=transport)
    messages = {whole(encrypt([TEXT], plan, entropy=entropy, size=None)) for _ in range(2)}
    assert len(messages) == 2
    assert asked == [32, 16, 40] * 2


def test_ecdh_keys_come_from_the_callers_entropy() -> None:
    plan = encrypting(ec_holder())
    written = {whole(encrypt([TEXT], plan, entropy=bytes, size=None)) for _ in range(2)}
    assert len(written) == 1
