"""TLS contexts of OFTP2: TLS 1.2 and 1.3, forward secrecy only, trust from assignments (RFC 8996; oftp2-scx.md section 5)."""

import ssl
from collections.abc import Sequence
from typing import Final

from counterseal.engine.ports import TLSKey

CIPHERS_1_2: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:!eNULL"
"""Forward secrecy and authenticated encryption; TLS 1.3 has nothing else."""


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS_1_2)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def server_context(key: TLSKey, anchors: Sequence[bytes]) -> ssl.SSLContext:
    """A client certificate is asked for where any partner has one agreed; whose it is, is judged after SSID."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    with key() as path:
        context.load_cert_chain(path)
    if anchors:
        context.verify_mode = ssl.CERT_OPTIONAL
        _trust(context, anchors)
    return context


def client_context(key: TLSKey | None, trust: Sequence[bytes]) -> ssl.SSLContext:
    """The server's name is checked by the dialer, which knows whether a certificate is pinned; without own trust by OpenSSL."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
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
    """Each certificate is the end of a chain, a leaf too."""
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=b"".join(dict.fromkeys(anchors)))
