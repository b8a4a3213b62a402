"""What can be wrong with MIME: theirs, or ours when writing."""

from counterseal.kernel.errors import CallerFault, PeerFault


class MalformedMIME(PeerFault):
    """Headers, boundaries or a transfer encoding that cannot be read."""

    code = "mime.malformed"


class MIMELimitExceeded(PeerFault):
    """Larger, deeper or more numerous than ``MIMELimits`` allow."""

    code = "mime.limit-exceeded"


class IllegalMIME(CallerFault):
    """A header or parameter that must not be written: a line break in it, or a name that is no token."""

    code = "mime.illegal"
