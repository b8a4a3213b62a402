"""Reading EnvelopedData (RFC 5652 section 6) and AuthEnvelopedData (RFC 5083)."""

import secrets
from collections.abc import Iterator, Sequence

from counterseal.kernel.errors import CallerFault
from counterseal.kernel.keys import Decrypter, KeyTransport
from counterseal.protocols.cms import algorithms, envelope, tlv
from counterseal.protocols.cms.content_ciphers import decryptor
from counterseal.protocols.cms.errors import LimitExceeded, Malformed
from counterseal.protocols.cms.limits import Chunk, Chunks, Limits
from counterseal.protocols.cms.plans import ContentCipher
from counterseal.protocols.cms.reader import Header, Reader
from counterseal.protocols.cms.recipients import Recipient, open_content_key, read_recipient


def decrypt(source: Chunks, keys: Sequence[Decrypter], *, limits: Limits) -> "DecryptedStream":
    """Reads up to the content and opens the content key with the first of ``keys`` that is a recipient. Raises
    ``DecryptionFailed``, ``UnsupportedAlgorithm`` (content cipher), ``Malformed``, ``LimitExceeded``."""
    return DecryptedStream(source, keys, limits)


class DecryptedStream:
    """An encrypted message whose content key was found; ``chunks()`` gives the plaintext. Made by ``decrypt``."""

    def __init__(self, source: Chunks, keys: Sequence[Decrypter], limits: Limits) -> None:
        self._reader = reader = Reader(source, limits)
        kind = envelope.open_envelope(reader, envelope.ENVELOPED_DATA, envelope.AUTH_ENVELOPED_DATA)
        self._sealed = kind == envelope.AUTH_ENVELOPED_DATA
        envelope.read_version(reader)
        recipients = _read_recipients(reader, limits)
        reader.enter(reader.expect(tlv.SEQUENCE))
        envelope.read_oid(reader)
        self._parameters = algorithms.read_cipher(tlv.parse(reader.whole(reader.expect(tlv.SEQUENCE))))
        if self._sealed and self._parameters.cipher.mode == "cbc":
            raise Malformed("AuthEnvelopedData with a cipher that authenticates nothing")
        self._content = reader.child()
        if self._content is not None and self._content.tag not in (0x80, tlv.context(0)):
            raise Malformed("a field is missing or of another type")
        self._key, content_key, self._transport = open_content_key(recipients, keys)
        # A key of the wrong length is exchanged for a random one, so that the sender of a forged RSA PKCS#1 v1.5 key learns
        # nothing from it (RFC 3218 2.3.2). The randomness decides only how the message fails, so it need not be an argument.
        substitute = secrets.token_bytes(self._parameters.cipher.key_bytes)
        if len(content_key) != len(substitute):
            content_key = substitute
        self._cipher = decryptor(self._parameters, content_key, tag_inside=not self._sealed, limits=limits)
        self._started = False

    @property
    def key(self) -> Decrypter:
        """The key that opened it."""
        return self._key

    @property
    def cipher(self) -> ContentCipher:
        return self._parameters.cipher

    @property
    def transport(self) -> KeyTransport:
        return self._transport

    @property
    def authenticated(self) -> bool:
        """Whether the cipher itself proves that the ciphertext is unchanged (GCM, CCM; in either structure)."""
        return self._parameters.cipher.mode != "cbc"

    def chunks(self) -> Iterator[Chunk]:
        """The plaintext. Raises ``DecryptionFailed`` at its end too: discard everything unless it ended by itself.

        What is found wrong *inside* the plaintext of a CBC message (no CMS, bad signature) must look to the sender like
        ``DecryptionFailed``: told apart it is a padding oracle.
        """
        if self._started:
            raise CallerFault("the content of an encrypted message can be read once")
        self._started = True
        if self._content is not None:
            yield from self._cipher.feed(self._reader.content(self._content))
            self._reader.end()
        mac, attributes = self._read_tail()
        if last := self._cipher.finish(mac, attributes):
            yield last

    def _read_tail(self) -> tuple[bytes | None, bytes]:
        """The rest of the structure, all of it before the padding or the tag is judged (see ``content_ciphers``)."""
        reader, mac, attributes = self._reader, None, b""
        header = reader.child()
        if self._sealed:
            if header is not None and header.tag == tlv.context(1):
                attributes = _authenticated(reader.whole(header))
                header = reader.child()
            if header is None or header.tag not in (tlv.OCTET_STRING, tlv.SEGMENTED_OCTETS):
                raise Malformed("AuthEnvelopedData without a mac")
            mac = tlv.parse(reader.whole(header)).octets()
            header = reader.child()
        if header is not None:
            if header.tag != tlv.context(2 if self._sealed else 1):
                raise Malformed("unexpected field")
            reader.skip(header)
            reader.end()
        envelope.close_envelope(reader)
        return mac, attributes


def _read_recipients(reader: Reader, limits: Limits) -> list[Recipient]:
    header: Header = reader.expect(tlv.context(0), tlv.SET)
    if header.tag == tlv.context(0):
        reader.skip(header)  # originatorInfo: certificates and CRLs (RFC 5652 6.1)
        header = reader.expect(tlv.SET)
    reader.enter(header)
    recipients: list[Recipient] = []
    while (child := reader.child()) is not None:
        recipients.extend(read_recipient(reader.whole(child)))
        if len(recipients) > limits.max_recipients:
            raise LimitExceeded(f"more than {limits.max_recipients} recipients")
    return recipients


def _authenticated(encoded: bytes) -> bytes:
    """authAttrs as the DER SET OF that is authenticated (RFC 5083 2.2)."""
    return tlv.set_of(*(attribute.der() for attribute in tlv.parse(encoded).children()))
