"""Fuzz target for CEM packages.

Invariant: whatever octets come, ``open_package`` returns a package or raises a ``PeerFault``; each offer has a leaf or a
problem, no certificate is offered twice, and a message without one usable certificate never comes back as a package.

The first octet chooses between an XML document, a whole package and raw octets behind a header; the rest is the content, which
the random driver makes by damaging seeds.
"""

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.mime import DEFAULT_MIME_LIMITS, Headers, open_entity
from counterseal.protocols.cem.limits import USUAL_LIMITS
from counterseal.protocols.cem.model import Request
from counterseal.protocols.cem.package import Package, is_cem, open_package
from counterseal.protocols.cem.xml import parse_cem

XML_HEADERS = Headers((("Content-Type", "application/ediint-cert-exchange+xml"),))


def fuzz(data: bytes) -> None:
    """Read one input."""
    choice, content = data[:1], data[1:]
    try:
        if choice == b"x":
            parse_cem(content, USUAL_LIMITS)
            return
        if choice == b"p":
            entity = open_entity([content], limits=DEFAULT_MIME_LIMITS)
            headers, body = entity.headers, b"".join(entity.body)
        else:
            headers, body = XML_HEADERS, content
        is_cem(headers, body[:1024])
        package = open_package(headers, body, USUAL_LIMITS)
    except PeerFault as fault:
        assert fault.code.startswith(("cem.", "mime."))  # noqa: PT017 - no test function: the invariant itself
        return
    _hold(package)


def _hold(package: Package) -> None:
    if not isinstance(package.message, Request):
        assert package.offers == ()
        return
    assert all((offer.leaf is None) <= (offer.problem is not None) for offer in package.offers)
    assert any(offer.leaf is not None for offer in package.offers)
    keys = [offer.trust_request.identifier.key for offer in package.offers]
    assert len(set(keys)) == len(keys)


def damage(seed: bytes, number: int) -> bytes:
    """The seed with some octets changed, removed, doubled or moved; the same for the same number."""
    import random

    chance = random.Random(number)
    octets = bytearray(seed)
    for _ in range(chance.randrange(1, 5)):
        at, length = chance.randrange(len(octets) + 1), chance.randrange(1, 40)
        piece = octets[at : at + length]
        match chance.randrange(5):
            case 0:
                octets[at : at + 1] = chance.randbytes(1)
            case 1:
                del octets[at : at + length]
            case 2:
                octets[at:at] = piece * chance.randrange(1, 4)
            case 3:
                where = chance.randrange(len(octets) + 1)
                octets[where:where] = piece
            case _:
                octets[at:at] = chance.choice(
                    [b"<", b"&", b"\x00", b"]]>", b"--", b"\r\n\r\n", b"<!DOCTYPE", b"\xff\xfe", b"#"]
                )
    return bytes(octets)


if __name__ == "__main__":
    import pathlib
    import sys

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    folder = pathlib.Path(__file__).parent.parent / "vectors" / "cem"
    seeds = [b"p" + path.read_bytes() for path in sorted(folder.glob("*.mime"))]
    seeds += [b"x" + path.read_bytes() for path in sorted(folder.glob("*.xml"))]
    for number in range(rounds):
        seed = seeds[number % len(seeds)]
        fuzz(seed[:1] + damage(seed[1:], number))
    print(f"{rounds} inputs held")
