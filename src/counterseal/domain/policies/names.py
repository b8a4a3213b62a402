"""Distinguished names compared by meaning: print order, spacing and case do not count (SCX-17)."""

import re
from collections import Counter
from typing import Final

_UNESCAPED_COMMA: Final = re.compile(r"(?<!\\)((?:\\\\)*),")
_UNESCAPED_PLUS: Final = re.compile(r"(?<!\\)((?:\\\\)*)\+")
_BLANKS: Final = re.compile(r"\s+")

NameKey = Counter[frozenset[str]]


def name_key(text: str) -> NameKey:
    """The attributes of an RFC 4514 text as a multiset of RDNs, folded: equal keys name one party."""
    return Counter(
        frozenset(_fold(attribute) for attribute in _split(_UNESCAPED_PLUS, rdn))
        for rdn in _split(_UNESCAPED_COMMA, text)
        if rdn.strip()
    )


def same_name(one: str, other: str) -> bool:
    """Whether two RFC 4514 texts name the same party."""
    return name_key(one) == name_key(other)


def _split(separator: re.Pattern[str], text: str) -> list[str]:
    parts: list[str] = []
    start = 0
    for match in separator.finditer(text):
        parts.append(text[start : match.end() - 1])
        start = match.end()
    parts.append(text[start:])
    return parts


def _fold(attribute: str) -> str:
    kind, _, value = attribute.partition("=")
    return f"{kind.strip().casefold()}={_BLANKS.sub(' ', value.strip()).casefold()}"
