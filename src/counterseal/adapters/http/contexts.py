"""TLS contexts of AS2: TLS 1.2 and 1.3 (BIS-25), trust and certificates from assignments, keys through memory alone."""

import ssl
from collections.abc import Sequence
from typing import Any, Final

from counterseal.engine.ports import TLSKey

_OLDEST: Final = ssl.TLSVersion.TLSv1_2
"""Suites are OpenSSL's own choice: AS2 partners are older than those of OFTP2, which asks for forward secrecy."""


def server_context(key: TLSKey, anchors: Sequence[bytes]) -> ssl.SSLContext:
    """A client certificate is asked for where any partner has one agreed; whose it is, is judged after the AS2 names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _OLDEST
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
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
    """The other side's verified certificates, its own first. ``ssl`` shows them publicly from Python 3.13 on; before, its engine
    does."""
    own = secured.getpeercert(binary_form=True)
    if own is None:
        return ()
    public = getattr(secured, "get_verified_chain", None)
    if public is not None:
        return tuple(public())
    inner = getattr(secured, "_sslobj", None)
    found = inner.get_verified_chain() if inner is not None else None
    return tuple(ssl.PEM_cert_to_DER_cert(c.public_bytes()) for c in found) if found else (own,)
