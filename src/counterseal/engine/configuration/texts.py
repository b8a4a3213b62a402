"""The texts that a field may hold, each with the pattern that it is measured by and the words of its error."""

from typing import Final

from counterseal.engine.configuration.kinds import Text

SLUG: Final = Text(
    expected="a short name of lower-case letters, digits and hyphens, at most 40, beginning with a letter or digit",
    pattern=r"[a-z0-9][a-z0-9-]{0,39}",
)
NAME: Final = Text(expected="a name of 1 to 200 characters", lowest=1)
EMAIL: Final = Text(expected="an e-mail address", pattern=r"[^@\s]{1,64}@[^@\s]{1,190}")
OPTIONAL_EMAIL: Final = Text(expected="an e-mail address, or nothing", pattern=r"(?:[^@\s]{1,64}@[^@\s]{1,190})?")
HTTP_URL: Final = Text(
    expected="an address that begins with http:// or https://", pattern=r"https?://[^\s/][^\s]*", highest=2000
)
OPTIONAL_HTTP_URL: Final = Text(
    expected="an address that begins with http:// or https://, or nothing",
    pattern=r"(?:https?://[^\s/][^\s]*)?",
    highest=2000,
)
STATION_URL: Final = Text(
    expected="an address that begins with http://, https://, oftp:// or oftps://, or nothing",
    pattern=r"(?:(?:https?|oftps?)://[^\s/][^\s]*)?",
    highest=2000,
)
HOST: Final = Text(expected="a host name or address without port and path", pattern=r"[A-Za-z0-9._:\-\[\]]{1,253}")
IDENTITY: Final = Text(
    # RFC 4130 6.2: printable US-ASCII, up to 128 characters; OFTP2 codes (25) are within it.
    expected="the name as it stands on the wire: 1 to 128 printable ASCII characters without quotes and backslash",
    pattern=r"[!#-\[\]-~](?:[ !#-\[\]-~]{0,126}[!#-\[\]-~])?",
)
ODETTE_CODE: Final = Text(
    expected="an Odette code: at most 25 of A-Z, 0-9, space and & ( ) - . / beginning with a letter",
    pattern=r"[A-Z][A-Z0-9 &()\-./]{0,24}",
)
PEM: Final = Text(expected="certificates in PEM (-----BEGIN CERTIFICATE-----)", lines=True, highest=1_000_000)
PATH: Final = Text(expected="a path, relative to this file or absolute", lowest=1, highest=4000)
LABEL: Final = Text(expected="a label of 1 to 80 characters", lowest=1, highest=80)
REFERENCE: Final = Text(
    expected="the label of a certificate, or its SHA-256 fingerprint (64 hexadecimal digits)", lowest=1
)
COUNTRY: Final = Text(expected="a country as two capital letters", pattern=r"[A-Z]{2}")
