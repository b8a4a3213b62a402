"""What can be wrong with a CMS message, as faults with stable codes."""

from counterseal.kernel.errors import PeerFault


class CMSFault(PeerFault):
    """A CMS message that cannot be taken; the family of everything below."""

    code = "cms.fault"


class Malformed(CMSFault):
    """Not the BER or the CMS structure that RFC 5652 describes."""

    code = "cms.malformed"


class LimitExceeded(CMSFault):
    """Larger, deeper or more numerous than the ``Limits`` allow."""

    code = "cms.limit-exceeded"


class UnsupportedAlgorithm(CMSFault):
    """An algorithm, or its parameters, that is not read here (MD5 among them, on purpose)."""

    code = "cms.unsupported-algorithm"


class SignatureInvalid(CMSFault):
    """A signer whose certificate is known did not sign this content."""

    code = "cms.signature-invalid"


class NoSigner(CMSFault):
    """A SignedData without any SignerInfo: it proves nothing, and never verifies."""

    code = "cms.no-signer"


class SignerUnknown(CMSFault):
    """No candidate certificate fits any signer identifier."""

    code = "cms.signer-unknown"


DECRYPTION_FAILED = "the content could not be decrypted"


class DecryptionFailed(CMSFault):
    """The one face of every decryption failure: no recipient, bad key, bad padding, bad tag.

    Code and detail never differ, because a difference told to the sender is an oracle (RFC 3218, Vaudenay 2002).
    ``cause`` names the reason for our own operator and must not reach the partner.
    """

    code = "cms.decryption-failed"

    def __init__(self, cause: str) -> None:
        super().__init__(DECRYPTION_FAILED)
        self.cause = cause


class DecompressionFailed(CMSFault):
    """The compressed content is damaged or cut off."""

    code = "cms.decompression-failed"
