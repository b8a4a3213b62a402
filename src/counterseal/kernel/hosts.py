"""Whether a TLS server certificate is for a host (RFC 9525): names and addresses of its subjectAltName, never its common name."""

import ipaddress

from cryptography import x509


def is_for(der: bytes, host: str) -> bool:
    """``False`` also for what is no certificate, or has no subjectAltName."""
    try:
        names = (
            x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
    except (ValueError, x509.ExtensionNotFound):
        return False
    try:
        return ipaddress.ip_address(host.strip("[]")) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        wanted = host.rstrip(".").lower()
        return any(_matches(name.lower(), wanted) for name in names.get_values_for_type(x509.DNSName))


def _matches(name: str, host: str) -> bool:
    """RFC 9525 6.3: a star stands for the whole first label."""
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:] != ""
    return name == host
