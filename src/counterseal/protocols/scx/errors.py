"""What can be wrong with the content of a certificate file: each one is answered by NERP, never by EFNA (oftp2-scx.md 6.1)."""

from counterseal.kernel.errors import CallerFault, PeerFault


class SCXFault(PeerFault):
    """A certificate file that cannot be taken; ``detail`` may stand in NERPREAST."""

    code = "scx.fault"


class TooLarge(SCXFault):
    """More octets, certificates or zip entries than any certificate file has."""

    code = "scx.too-large"


class NotACertificate(SCXFault):
    """Neither DER nor PEM nor a CMS message nor, where allowed, a zip of these."""

    code = "scx.not-a-certificate"


class NoLeaf(SCXFault):
    """Certificates, but none that could be the sender's own."""

    code = "scx.no-leaf"


class SeveralLeaves(SCXFault):
    """More than one certificate that could be the sender's own (SCX-5)."""

    code = "scx.several-leaves"


class PrivateKeyReceived(SCXFault):
    """A private key or PKCS#12 file: its owner must consider it lost (SCX-4)."""

    code = "scx.private-key-received"


class ZipNotAllowed(SCXFault):
    """A zip file, and this agreement does not take them."""

    code = "scx.zip-not-allowed"


class IllegalValue(CallerFault):
    """A value that no certificate file can have."""

    code = "scx.illegal-value"
