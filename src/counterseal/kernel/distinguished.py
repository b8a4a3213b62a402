"""Distinguished names as text: written as RFC 4514, read in every dialect that peers were seen to use.

Writing is strict: RFC 4514 section 2, short names of its section 3 only, every other type as ``OID=#hex``. That is what
Java's X500Principal, which sits in many peers, reads back; it fails on ``E=`` and ``SN=``.

Reading is lenient, since the CEM draft's own sample is not RFC 4514: other keywords for the same type, ``, `` and ``;`` and
``+`` with blanks, quoted values, ``#hex`` and hex pairs, ``/C=DE/O=...``, an unescaped comma inside a value, wrapped lines.

What a name says is never proof of anything: it chooses among certificates that were trusted, or distrusted, for other reasons.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, TypeAlias

from counterseal.kernel.x509 import Certificate

MAX_NAME_CHARACTERS: Final = 4096
"""Longer text is not taken apart: it only equals itself."""

RDN: TypeAlias = frozenset[tuple[str, str]]
"""(type, value) pairs; types are dotted, values folded for comparison."""
Name: TypeAlias = tuple[RDN, ...]
"""In the order of the text."""
NameKey: TypeAlias = frozenset[tuple[RDN, int]]


SHORT_NAMES: Final = {
    "2.5.4.3": "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}
"""RFC 4514 section 3: the only keywords we write."""

_SN: Final = "2.5.4.5"
"""``SN`` is serialNumber for one product and surname for RFC 4519: both types are folded into one for comparison."""

_ALIASES: Final = {short: oid for oid, short in SHORT_NAMES.items()} | {
    "COMMONNAME": "2.5.4.3",
    "LOCALITYNAME": "2.5.4.7",
    "S": "2.5.4.8",
    "SP": "2.5.4.8",
    "STATEORPROVINCENAME": "2.5.4.8",
    "ORGANIZATIONNAME": "2.5.4.10",
    "ORGANIZATIONALUNITNAME": "2.5.4.11",
    "COUNTRYNAME": "2.5.4.6",
    "STREETADDRESS": "2.5.4.9",
    "DOMAINCOMPONENT": "0.9.2342.19200300.100.1.25",
    "USERID": "0.9.2342.19200300.100.1.1",
    "E": "1.2.840.113549.1.9.1",
    "EMAIL": "1.2.840.113549.1.9.1",
    "EMAILADDRESS": "1.2.840.113549.1.9.1",
    "UNSTRUCTUREDNAME": "1.2.840.113549.1.9.2",
    "SN": _SN,
    "SERIALNUMBER": _SN,
    "DEVICESERIALNUMBER": _SN,
    "SURNAME": _SN,
    "2.5.4.4": _SN,
    "G": "2.5.4.42",
    "GN": "2.5.4.42",
    "GIVENNAME": "2.5.4.42",
    "INITIALS": "2.5.4.43",
    "I": "2.5.4.43",
    "GENERATION": "2.5.4.44",
    "GENERATIONQUALIFIER": "2.5.4.44",
    "T": "2.5.4.12",
    "TITLE": "2.5.4.12",
    "DNQ": "2.5.4.46",
    "DNQUALIFIER": "2.5.4.46",
    "PSEUDONYM": "2.5.4.65",
    "DESCRIPTION": "2.5.4.13",
    "BUSINESSCATEGORY": "2.5.4.15",
    "POSTALADDRESS": "2.5.4.16",
    "POSTALCODE": "2.5.4.17",
    "ORGANIZATIONIDENTIFIER": "2.5.4.97",
    "JURISDICTIONL": "1.3.6.1.4.1.311.60.2.1.1",
    "JURISDICTIONST": "1.3.6.1.4.1.311.60.2.1.2",
    "JURISDICTIONC": "1.3.6.1.4.1.311.60.2.1.3",
}

_STRINGS: Final = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
"""ASN.1 string types of a DirectoryString and its neighbours."""

_TYPE: Final = re.compile(r" ?(?:[Oo][Ii][Dd]\.)?([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+) ?= ?")
_ESCAPED: Final = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.|"")*)"', re.DOTALL)


def subject_text(certificate: Certificate) -> str:
    """The subject as RFC 4514 text, most specific RDN first; control characters as hex pairs, so that XML keeps them."""
    return _write(certificate.load().subject.public_bytes())


def issuer_text(certificate: Certificate) -> str:
    """As ``subject_text``, for the issuer."""
    return _write(certificate.load().issuer.public_bytes())


def name_key(text: str) -> NameKey:
    """Equal for two texts that mean one name: the RDNs with their counts, in any order. Hashable."""
    return frozenset(Counter(parse_name(text)).items())


def same_name(one: str, other: str) -> bool:
    """Whether two texts mean one name."""
    return name_key(one) == name_key(other)


def parse_name(text: str) -> Name:
    """The RDNs of a written name, folded for comparison. Never raises: text that is no name at all is one RDN of the
    type ``?``, equal only to the same text."""
    text = " ".join(text.split())
    whole = (frozenset({("?", text.casefold())}),)
    if len(text) > MAX_NAME_CHARACTERS:
        return whole
    rdns: list[list[tuple[str, str]]] = []
    for joined, part in _split(text):
        found = _TYPE.match(part)
        if found is None:
            return whole
        pair = (_oid(found.group(1)), _value(part[found.end() :]))
        if joined and rdns:
            rdns[-1].append(pair)
        else:
            rdns.append([pair])
    return tuple(frozenset(pairs) for pairs in rdns)


def _split(text: str) -> Iterator[tuple[bool, str]]:
    """The ``type=value`` pieces; True where a piece belongs to the RDN of the one before it. A separator that no type
    follows is part of the value: it was not escaped."""
    if text.startswith("/") and _TYPE.match(text[1:]):
        yield from ((False, piece) for piece in re.split(r"(?<!\\)/(?=[A-Za-z0-9.]+ ?=)", text[1:]))
        return
    text = text if text.endswith("\\,") else text.rstrip(",; ")
    start = at = 0
    joined = quoted = False
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 2
            continue
        if char == '"':
            quoted = not quoted and text.endswith(("=", "= "), 0, at)
        elif char in ",;+" and not quoted and _TYPE.match(text, at + 1):
            yield joined, text[start:at]
            start, joined = at + 1, char == "+"
        at += 1
    if text:
        yield joined, text[start:]


def _oid(keyword: str) -> str:
    return _ALIASES.get(keyword.upper(), keyword.upper())


def _value(written: str) -> str:
    bare = written.strip()
    if re.fullmatch(r"#(?:[0-9A-Fa-f]{2})+", bare):
        return _fold(_from_ber(bytes.fromhex(bare[1:])))
    if quoted := _QUOTED.fullmatch(bare):
        written = quoted.group(1).replace('""', '"')
    return _fold(_ESCAPED.sub(_unescape, written))


def _unescape(found: re.Match[str]) -> str:
    if found.group(2) is not None:
        return found.group(2)
    return bytes.fromhex(found.group(1).replace("\\", "")).decode("utf-8", "replace")


def _from_ber(octets: bytes) -> str:
    """The text of a BER string value; other values as ``#hex``."""
    codec = _STRINGS.get(octets[0])
    if codec is not None:
        try:
            _, value, rest = _element(octets)
            if not rest:
                return value.decode(codec)
        except (ValueError, IndexError):
            pass
    return "#" + octets.hex()


def _fold(value: str) -> str:
    """X.520 caseIgnoreMatch, near enough: case and runs of blanks do not count."""
    return " ".join(value.split()).casefold()


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what follows. Raises ``ValueError`` or ``IndexError`` when cut off."""
    length, start = der[1], 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[2 : 2 + count], "big"), 2 + count
    if start + length > len(der):
        raise ValueError("cut off")
    return der[0], der[start : start + length], der[start + length :]


def _elements(der: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, content and whole encoding of each element in turn."""
    while der:
        tag, content, rest = _element(der)
        yield tag, content, der[: len(der) - len(rest)]
        der = rest


def _write(name_der: bytes) -> str:
    _, sequence, _ = _element(name_der)
    rdns = ["+".join(_pair(pair) for _, pair, _ in _elements(rdn)) for _, rdn, _ in _elements(sequence)]
    return ",".join(reversed(rdns))


def _pair(pair_der: bytes) -> str:
    (_, oid, _), (tag, content, whole) = _elements(pair_der)
    dotted = _dotted(oid)
    short, codec = SHORT_NAMES.get(dotted), _STRINGS.get(tag)
    if short is not None and codec is not None:
        try:
            return f"{short}={_escape(content.decode(codec))}"
        except ValueError:
            pass
    return f"{short or dotted}=#{whole.hex()}"


def _dotted(oid: bytes) -> str:
    arcs: list[int] = []
    value = 0
    for octet in oid:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def _escape(value: str) -> str:
    """RFC 4514 section 2.4, and every control and non-character as hex pairs."""
    out = []
    for at, char in enumerate(value):
        if char in '"+,;<>\\' or (at == 0 and char in " #") or (at == len(value) - 1 and char == " "):
            out.append("\\" + char)
        elif char < " " or char in "\x7f\ufffe\uffff":
            out.append("".join(f"\\{octet:02x}" for octet in char.encode()))
        else:
            out.append(char)
    return "".join(out)
