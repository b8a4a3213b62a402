"""TLS contexts of AS2: TLS 1.2 and 1.3 (BIS-25), trust and certificates from assignments, keys through memory alone."""

import ssl
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from counterseal.engine.ports import TLSKey

_OLDEST: Final = ssl.TLSVersion.TLSv1_2
"""Suites are OpenSSL's own choice: AS2 partners are older than those of OFTP2, which asks for forward secrecy."""


def server_context(key: TLSKey, anchors: Sequence[bytes]) -> ssl.SSLContext:
    """A client certificate is asked for where any partner has one agreed; whose it is, is judged after the AS2 names.

    No tickets: of a session that is taken up again OpenSSL no longer knows the chain that it had verified, and an agreed
    private root would not be found in it. Where TLS 1.2 takes up a session by its id, ``verified_chain`` remembers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _OLDEST
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    with key() as path:
        context.load_cert_chain(path)
    if anchors:
        context.verify_mode = ssl.CERT_OPTIONAL
        _trust(context, anchors)
    return context


def client_context(trust: Sequence[bytes], key: TLSKey | None) -> ssl.SSLContext:
    """Trusts exactly these certificates, each as the end of a chain (a private root or a pinned leaf), or the system's roots.

    With own trust the server's name is checked by the poster, which knows what is pinned; else by OpenSSL.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _OLDEST
    if trust:
        context.check_hostname = False
        _trust(context, trust)
    else:
        context.load_default_certs()
    if key is not None:
        with key() as path:
            context.load_cert_chain(path)
    return context


def _trust(context: ssl.SSLContext, anchors: Sequence[bytes]) -> None:
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=b"".join(dict.fromkeys(anchors)))


def verified_chain(secured: Any) -> tuple[bytes, ...]:
    """The other side's verified certificates, its own first."""
    own = secured.getpeercert(binary_form=True)
    if own is None:
        return ()
    session = secured.session.id if secured.session is not None else b""
    if secured.session_reused:
        return _verified.get(session, (own,))
    found = _openssls_chain(secured) or (own,)
    if session and secured.version() == "TLSv1.2":
        _verified[session] = found
        if len(_verified) > _REMEMBERED:
            _verified.popitem(last=False)
    return found


_REMEMBERED: Final = 4096
_verified: Final[OrderedDict[bytes, tuple[bytes, ...]]] = OrderedDict()
"""By session. Whose trust has ended is not found here: new anchors make a new context, which takes up none of the old sessions."""


def _openssls_chain(secured: Any) -> tuple[bytes, ...]:
    """``ssl`` shows it publicly from Python 3.13 on; before, its engine does."""
    public = getattr(secured, "get_verified_chain", None)
    if public is not None:
        return tuple(public())
    inner = getattr(secured, "_sslobj", None)
    found = inner.get_verified_chain() if inner is not None else None
    return tuple(ssl.PEM_cert_to_DER_cert(c.public_bytes()) for c in found or ())
