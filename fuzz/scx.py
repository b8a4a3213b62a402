"""Fuzz target for certificate files and their descriptions.

Invariant: ``read_payload`` gives one certificate with the chain that belongs to it or raises a ``SCXFault``; ``read_clid`` gives an
identity or ``None``, and what it read can be written and read again. The first octet chooses between file and description.
"""

import io
import random
import zipfile
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from counterseal.kernel.x509 import Certificate
from counterseal.protocols.scx.errors import SCXFault
from counterseal.protocols.scx.limits import USUAL_LIMITS
from counterseal.protocols.scx.logical_id import logical_id, read_clid, write_clid
from counterseal.protocols.scx.offer import read_payload


def fuzz(data: bytes) -> None:
    """Read one input."""
    choice, content = data[:1], data[1:]
    if choice == b"d":
        clid = read_clid(content.decode(errors="replace"))
        if clid is not None and (text := write_clid(clid)) is not None:
            again = read_clid(text)
            assert again is not None
            assert again.serial == clid.serial
        return
    try:
        payload = read_payload(content, USUAL_LIMITS, zip_allowed=True)
    except SCXFault as fault:
        assert fault.code.startswith("scx.")  # noqa: PT017 - no test function: the invariant itself
        return
    assert payload.leaf not in payload.chain
    assert len(payload.chain) < USUAL_LIMITS.max_certificates


def seeds() -> list[bytes]:
    """A small certificate in every wrapping, and its description."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A0")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    loaded = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=300))
        .sign(key, hashes.SHA256())
    )
    der = loaded.public_bytes(Encoding.DER)
    signed = pkcs7.PKCS7SignatureBuilder().set_data(der).add_signer(loaded, key, hashes.SHA256())
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as archive:
        archive.writestr("a.cer", der)
    files = [
        der,
        loaded.public_bytes(Encoding.PEM),
        pkcs7.serialize_certificates([loaded], Encoding.DER),
        signed.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary]),
        octets.getvalue(),
    ]
    description = write_clid(logical_id(Certificate.parse(der))) or ""
    return [b"f" + file for file in files] + [b"d" + description.encode()]


def damage(seed: bytes, number: int) -> bytes:
    """The seed with some octets changed, removed or doubled; the same for the same number."""
    chance = random.Random(number)
    octets = bytearray(seed)
    for _ in range(chance.randrange(1, 4)):
        at, length = chance.randrange(len(octets) + 1), chance.randrange(1, 20)
        match chance.randrange(3):
            case 0:
                octets[at : at + 1] = chance.randbytes(1)
            case 1:
                del octets[at : at + length]
            case _:
                octets[at:at] = octets[at : at + length] * 2
    return bytes(octets)


if __name__ == "__main__":
    import sys

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    all_seeds = seeds()
    for number in range(rounds):
        seed = all_seeds[number % len(all_seeds)]
        fuzz(seed[:1] + damage(seed[1:], number))
    print(f"{rounds} inputs held")
