"""Reading EnvelopedData (RFC 5652 section 6) and AuthEnvelopedData (RFC 5083)."""

from collections.abc import Iterator, Sequence

from counterseal.kernel.keys import Decrypter, KeyTransport
from counterseal.protocols.cms.limits import Chunks, Limits
from counterseal.protocols.cms.plans import ContentCipher


class DecryptedStream:
    """An encrypted message whose content key was found; ``chunks()`` gives the plaintext."""

    @property
    def key(self) -> Decrypter:
        """The key that opened it."""
        raise NotImplementedError

    @property
    def cipher(self) -> ContentCipher:
        raise NotImplementedError

    @property
    def transport(self) -> KeyTransport:
        raise NotImplementedError

    @property
    def authenticated(self) -> bool:
        """Whether the cipher itself proves that the ciphertext is unchanged (GCM, CCM; in either structure)."""
        raise NotImplementedError

    def chunks(self) -> Iterator[bytes | bytearray | memoryview]:
        """The plaintext. Raises ``DecryptionFailed`` at its end too: discard everything unless it ended by itself.

        What is found wrong *inside* the plaintext of a CBC message (no CMS, bad signature) must look to the sender like
        ``DecryptionFailed``: told apart it is a padding oracle.
        """
        raise NotImplementedError


def decrypt(source: Chunks, keys: Sequence[Decrypter], *, limits: Limits) -> DecryptedStream:
    """Reads up to the content and opens the content key with the first of ``keys`` that is a recipient. Raises
    ``DecryptionFailed``, ``UnsupportedAlgorithm`` (content cipher), ``Malformed``, ``LimitExceeded``."""
    raise NotImplementedError
