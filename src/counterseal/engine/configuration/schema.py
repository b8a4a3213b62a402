"""The configuration's fields as one table: what the reader accepts, what the export writes, what the reference page lists."""

from datetime import timedelta
from typing import Final

from counterseal.domain.community import HandlingMode
from counterseal.domain.root_role import RootRole
from counterseal.domain.usage import Protocol, Usage
from counterseal.engine.configuration.kinds import Block, Blocks, Choice, Duration, Field, Flag, Many, Text, Whole
from counterseal.engine.configuration.terms import AS2, EXCHANGE, OFTP2, SECRET
from counterseal.engine.configuration.texts import (
    COUNTRY,
    EMAIL,
    HOST,
    IDENTITY,
    LABEL,
    NAME,
    OPTIONAL_EMAIL,
    PATH,
    PEM,
    REFERENCE,
    SLUG,
    STATION_URL,
)
from counterseal.kernel.keys import KeyKind

VERSION: Final = 1
_DAY: Final = timedelta(days=1)
GENERATE: Final = Block(
    title="generate",
    fields=(
        Field(name="common_name", kind=NAME, text="CN of subject and issuer.", required=True),
        Field(name="organisation", kind=Text(), text="O."),
        Field(name="unit", kind=Text(), text="OU."),
        Field(name="city", kind=Text(), text="L."),
        Field(name="state", kind=Text(), text="ST."),
        Field(name="country", kind=COUNTRY, text="C."),
        Field(name="email", kind=EMAIL, text="E-mail address in the subject."),
        Field(name="dns_names", kind=Many(of=HOST), text="Subject alternative names."),
        Field(
            name="ip_addresses",
            kind=Many(of=Text(expected="an IP address", pattern=r"[0-9A-Fa-f.:]{2,45}")),
            text="Subject alternative names.",
        ),
        Field(name="key", kind=Choice(options=KeyKind), text="Kind of key.", default="rsa", terms=False),
        Field(
            name="bits",
            kind=Whole(lowest=2048, highest=4096),
            text="2048, 3072 or 4096, for RSA.",
            default="3072",
            terms=False,
        ),
        Field(
            name="curve",
            kind=Text(expected="secp256r1 or secp384r1", pattern="secp256r1|secp384r1"),
            text="For EC.",
            default="secp256r1",
            terms=False,
        ),
        Field(
            name="digest",
            kind=Text(expected="sha256, sha384 or sha512", pattern="sha256|sha384|sha512"),
            text="Digest of its signature.",
            default="sha256",
        ),
        Field(
            name="valid_for",
            kind=Duration(lowest=_DAY, highest=timedelta(days=3660)),
            text="From the moment of applying.",
            default="730d",
            terms=False,
        ),
    ),
)
_LABEL_FIELD: Final = Field(
    name="label",
    kind=LABEL,
    text="What the file and the console call it; unique in the community. Needed with `generate`; absent: what is stored stays.",
)
_PEM_FIELD: Final = Field(name="pem", kind=PEM, text="The certificate, then its issuers.")
_FILE_FIELD: Final = Field(name="file", kind=PATH, text="A certificate file: PEM, DER or P7B.")
OWN_CERTIFICATE: Final = Block(
    title="own certificate",
    one_of=("generate", "key_file", "key_content", "pem", "file"),
    fields=(
        _LABEL_FIELD,
        Field(
            name="generate",
            kind=GENERATE,
            text="Made self-signed when no certificate of ours has this label yet; never made twice.",
        ),
        Field(name="key_file", kind=PATH, text="A PKCS#12 file, or PEM with certificate and private key."),
        Field(
            name="key_content",
            kind=Text(expected="a PKCS#12 or PEM file in Base64", lines=True, highest=1_500_000),
            text="The same, in place of a path: for the API.",
        ),
        Field(name="password", kind=SECRET, text="Opens the key file."),
        Field(
            name="pem", kind=PEM, text="A certificate whose private key is in the vault already: what an export writes."
        ),
        Field(name="file", kind=PATH, text="The same as a file."),
    ),
)
PARTNER_CERTIFICATE: Final = Block(
    title="partner certificate", one_of=("pem", "file"), fields=(_LABEL_FIELD, _PEM_FIELD, _FILE_FIELD)
)
TRUSTED_ROOT: Final = Block(
    title="trusted root",
    one_of=("pem", "file"),
    fields=(
        Field(name="pem", kind=PEM, text="The CA certificate."),
        Field(name="file", kind=PATH, text="The same as a file: PEM or DER."),
        Field(
            name="role",
            kind=Choice(options=RootRole),
            text="`root`: chains may end here. `issuer`: on the list of issuers; where there is one, a certificate is taken over SCX only when a CA on it issued it.",
            default="root",
        ),
    ),
)
STATION: Final = Block(
    title="station",
    fields=(
        Field(name="protocol", kind=Choice(options=Protocol), text="The wire it speaks.", required=True),
        Field(
            name="identity",
            kind=IDENTITY,
            text="Our AS2 name (case-sensitive) or Odette code; unique per protocol.",
            required=True,
        ),
        Field(name="name", kind=NAME, text="What people call it.", required=True),
        Field(name="url", kind=STATION_URL, text="Where partners reach it."),
        Field(name="email", kind=OPTIONAL_EMAIL, text="Told to partners as the contact."),
        Field(name="enabled", kind=Flag(), text="Off: refuses what arrives and sends nothing.", default="true"),
    ),
)
RULES: Final = Block(
    title="rules",
    fields=(
        Field(
            name="cem_mode",
            kind=Choice(options=HandlingMode),
            text="What happens to a received CEM request.",
            default="manual",
        ),
        Field(
            name="scx_mode",
            kind=Choice(options=HandlingMode),
            text="What happens to a received SCX request.",
            default="manual",
        ),
        Field(name="two_people", kind=Flag(), text="Accepting needs a second person.", default="false"),
        Field(
            name="minimum_rsa_bits",
            kind=Whole(lowest=1024, highest=16384),
            text="Weaker RSA keys are refused.",
            default="2048",
        ),
        Field(
            name="maximum_validity_days",
            kind=Whole(lowest=1, highest=36600),
            text="Longer ones get a note.",
            default="1200",
        ),
        Field(
            name="retire_unseen_after",
            kind=Duration(lowest=_DAY, highest=timedelta(days=3660)),
            text="An old certificate leaves service when its successor is in use and it was not seen for so long; absent: only when it expires.",
        ),
    ),
)
_USAGE_FIELDS: Final = tuple(
    Field(name=usage.value, kind=REFERENCE, text=f"The certificate that is active for {usage.value}.")
    for usage in Usage
)
OURS: Final = Block(title="ours", fields=_USAGE_FIELDS)
THEIRS: Final = Block(title="theirs", fields=_USAGE_FIELDS)
ASSIGNMENTS: Final = Block(
    title="assignments",
    fields=(
        Field(name="ours", kind=OURS, text="Our certificates, by usage."),
        Field(name="theirs", kind=THEIRS, text="The partner's certificates, by usage."),
    ),
)
AGREEMENT: Final = Block(
    title="agreement",
    one_of=("as2", "oftp2"),
    fields=(
        Field(name="station", kind=IDENTITY, text="Identity of our station.", required=True),
        Field(
            name="partner_identity",
            kind=IDENTITY,
            text="The partner's AS2 name, or its Odette code (SFIDORIG).",
            required=True,
        ),
        Field(name="active", kind=Flag(), text="Off: nothing is sent, what arrives is refused.", default="true"),
        Field(name="as2", kind=AS2, text="Terms of an AS2 agreement."),
        Field(name="oftp2", kind=OFTP2, text="Terms of an OFTP2 agreement."),
        Field(name="exchange", kind=EXCHANGE, text="Rules of certificate exchange."),
        Field(name="assignments", kind=ASSIGNMENTS, text="Which certificate is active for which usage."),
    ),
)
PARTNER: Final = Block(
    title="partner",
    fields=(
        Field(name="slug", kind=SLUG, text="Short name; unique in the community.", required=True),
        Field(name="name", kind=NAME, text="What people call it.", required=True),
        Field(name="owner", kind=Text(), text="User who is told of its alerts; absent: everybody with the role."),
        Field(name="contact_name", kind=Text(), text="Whom to call."),
        Field(name="contact_email", kind=OPTIONAL_EMAIL, text="Where to write."),
        Field(name="note", kind=Text(lines=True, highest=10_000), text="For colleagues."),
        Field(name="certificates", kind=Blocks(of=PARTNER_CERTIFICATE), text="Its certificates."),
        Field(name="trusted_roots", kind=Blocks(of=TRUSTED_ROOT), text="CAs that are trusted for this partner alone."),
        Field(name="agreements", kind=Blocks(of=AGREEMENT), text="What was agreed with it."),
    ),
)
COMMUNITY: Final = Block(
    title="community",
    fields=(
        Field(name="slug", kind=SLUG, text="Short name; unique.", required=True),
        Field(name="name", kind=NAME, text="What people call it.", required=True),
        Field(
            name="time_zone",
            kind=Text(expected="an IANA time zone such as Europe/Berlin"),
            text="Dates are read in it.",
            default="UTC",
        ),
        Field(name="contact_email", kind=OPTIONAL_EMAIL, text="Told to partners."),
        Field(name="rules", kind=RULES, text="What agreements may override."),
        Field(name="certificates", kind=Blocks(of=OWN_CERTIFICATE), text="Our certificates."),
        Field(
            name="default_certificates",
            kind=Block(title="default certificates", fields=_USAGE_FIELDS),
            text="What an SCX Request is answered with, by usage.",
        ),
        Field(name="trusted_roots", kind=Blocks(of=TRUSTED_ROOT), text="CAs that are trusted for all partners."),
        Field(name="stations", kind=Blocks(of=STATION), text="Our identities on the wire."),
        Field(name="partners", kind=Blocks(of=PARTNER), text="Whom we trade with."),
    ),
)
FILE: Final = Block(
    title="file",
    fields=(
        Field(
            name="version", kind=Whole(lowest=VERSION, highest=VERSION), text="Version of this format.", required=True
        ),
        Field(name="communities", kind=Blocks(of=COMMUNITY), text="Our trading organisations.", required=True),
    ),
)
