"""AS2 names (RFC 4130 6.2) and Message-IDs (5.3.3): hostile text in, exact text out."""

import re
from typing import Final

from counterseal.protocols.as2.errors import IllegalEnvelope, InvalidMessageID, InvalidName

MAX_NAME: Final = 128
MAX_MESSAGE_ID: Final = 998
"""as2-bis.md BIS-7; RFC 5322 2.1.1 gives the number."""
MAX_OUR_MESSAGE_ID: Final = 200
"""A partner of as2-peers P-10 refuses more than 255."""

# AS2-text = "!" / %d35-91 / %d93-126: printable ASCII without blank, double quote and backslash.
_ATOMIC: Final = re.compile(r"[!#-\[\]-~]{1,128}")
_PRINTABLE: Final = re.compile(r"[ -~]{1,128}")
_QUOTED_PAIR: Final = re.compile(r'\\(["\\])')
# Visible ASCII: no blanks, no control characters.
_MESSAGE_ID: Final = re.compile(r"[!-~]+")
_TOKEN: Final = re.compile(r"[A-Za-z0-9.\-]+")


def parse_as2_name(value: str) -> tuple[str, bool]:
    """The name of an AS2-From or AS2-To value, exactly as it is (case-sensitive), and whether it was written as RFC 4130 6.2
    says: old products write names with blanks without quotes. Raises ``InvalidName``."""
    text = value.strip(" \t")
    quoted = len(text) >= 2 and text.startswith('"') and text.endswith('"')
    name = _QUOTED_PAIR.sub(r"\1", text[1:-1]) if quoted else text
    if not _PRINTABLE.fullmatch(name):
        raise InvalidName(f"an AS2 name has 1 to {MAX_NAME} printable ASCII characters")
    return name, quoted or _ATOMIC.fullmatch(name) is not None


def format_as2_name(name: str) -> str:
    """The header value of ``name``, quoted only where it must be. Raises ``IllegalEnvelope``."""
    if not _PRINTABLE.fullmatch(name):
        raise IllegalEnvelope(f"{name[:MAX_NAME]!r} is no AS2 name: 1 to {MAX_NAME} printable ASCII characters")
    if _ATOMIC.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parse_message_id(value: str) -> str:
    """A Message-ID without its brackets, otherwise opaque: compared octet by octet. Raises ``InvalidMessageID``."""
    text = value.strip(" \t")
    bare = text[1:-1] if text.startswith("<") and text.endswith(">") else text
    if len(text) > MAX_MESSAGE_ID or not _MESSAGE_ID.fullmatch(bare):
        raise InvalidMessageID(
            f"a Message-ID has 1 to {MAX_MESSAGE_ID} characters, no blanks and no control characters"
        )
    return bare


def format_message_id(message_id: str) -> str:
    """In brackets. Raises ``IllegalEnvelope``."""
    if len(message_id) > MAX_MESSAGE_ID - 2 or not _MESSAGE_ID.fullmatch(message_id):
        raise IllegalEnvelope("a Message-ID must not contain blanks or control characters")
    return f"<{message_id}>"


def new_message_id(token: str, host: str) -> str:
    """``token@host`` (RFC 5322 3.6.4), without brackets. ``token`` is unguessable text of the caller; AS2 names are kept
    out of it, because they may hold anything. Raises ``IllegalEnvelope``."""
    made = f"{token}@{host}"
    if not _TOKEN.fullmatch(token) or not _TOKEN.fullmatch(host) or len(made) > MAX_OUR_MESSAGE_ID:
        raise IllegalEnvelope(
            f"a Message-ID is made of letters, digits, dots and hyphens, at most {MAX_OUR_MESSAGE_ID}"
        )
    return made
