"""Issuer names: strict out, every known dialect in (cem.md 5.2)."""

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from counterseal.kernel.distinguished import issuer_text, parse_name, same_name
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.cem.names import NameMatch, match_issuer
from tests.protocols.cem.minting import certificate, rdns

ISSUER = rdns(
    (NameOID.COUNTRY_NAME, "DE"),
    (NameOID.STATE_OR_PROVINCE_NAME, "Bayern"),
    (NameOID.LOCALITY_NAME, "München"),
    (NameOID.ORGANIZATION_NAME, "Alpha, Söhne & Co. <Ltd>"),
    (NameOID.SERIAL_NUMBER, "HRB 17"),
    (NameOID.COMMON_NAME, 'The "Alpha" CA'),
    (NameOID.EMAIL_ADDRESS, "pki@alpha.example"),
)
"""Without Unicode surprises beyond umlauts, with everything that needs escaping."""


def issued(issuer: x509.Name = ISSUER) -> Certificate:
    return certificate("leaf", issuer=issuer, issuer_key=1)


DIALECTS = {
    "RFC 4514, ours": (
        (
            r"1.2.840.113549.1.9.1=#1611706b6940616c7068612e6578616d706c65,CN=The \"Alpha\" CA,"
            r"2.5.4.5=#1306485242203137,O=Alpha\, Söhne & Co. \<Ltd\>,L=München,ST=Bayern,C=DE"
        ),
        NameMatch.SAME,
    ),
    "keywords and plain values": (
        (
            r"emailAddress=pki@alpha.example,CN=The \"Alpha\" CA,serialNumber=HRB 17,O=Alpha\, Söhne & Co. \<Ltd\>,"
            "L=München,ST=Bayern,C=DE"
        ),
        NameMatch.SAME,
    ),
    "the draft's own sample: E, S, SN, wrapped lines": (
        (
            'E=pki@alpha.example,\r\n    CN=The \\"Alpha\\" CA,\r\n    SN=HRB 17,\r\n'
            "    O=Alpha\\, Söhne & Co. \\<Ltd\\>,\r\n    L=München, S=Bayern, C=DE"
        ),
        NameMatch.SAME,
    ),
    "Java getIssuerDN: blanks, quotes, EMAILADDRESS": (
        (
            'EMAILADDRESS=pki@alpha.example, CN="The \\"Alpha\\" CA", SERIALNUMBER=HRB 17, '
            'O="Alpha, Söhne & Co. <Ltd>", L=München, ST=Bayern, C=DE'
        ),
        NameMatch.SAME,
    ),
    "quotes doubled inside quotes, as Windows prints them": (
        (
            'E=pki@alpha.example, CN="The ""Alpha"" CA", SERIALNUMBER=HRB 17, O="Alpha, Söhne & Co. <Ltd>", '
            "L=München, S=Bayern, C=DE"
        ),
        NameMatch.SAME,
    ),
    "OID. prefix, lower case, semicolons": (
        (
            r"oid.1.2.840.113549.1.9.1=pki@alpha.example;cn=the \"alpha\" ca;OID.2.5.4.5=hrb 17;"
            r"o=alpha\, söhne & co. \<ltd\>;l=münchen;st=bayern;c=de"
        ),
        NameMatch.SAME,
    ),
    "hex pairs for UTF-8 octets": (
        (
            r"E=pki@alpha.example,CN=The \22Alpha\22 CA,SN=HRB 17,O=Alpha\2C S\C3\B6hne & Co. \3CLtd\3E,"
            r"L=M\C3\BCnchen,ST=Bayern,C=DE"
        ),
        NameMatch.SAME,
    ),
    "comma not escaped": (
        'E=pki@alpha.example, CN=The "Alpha" CA, SN=HRB 17, O=Alpha, Söhne & Co. <Ltd>, L=München, ST=Bayern, C=DE',
        NameMatch.SAME,
    ),
    "blanks around =": (
        (
            r"E = pki@alpha.example, CN = The \"Alpha\" CA, SN = HRB 17, O = Alpha\, Söhne & Co. \<Ltd\>, "
            "L = München, ST = Bayern, C = DE"
        ),
        NameMatch.SAME,
    ),
    "certificate order (Windows)": (
        r"C=DE,ST=Bayern,L=München,O=Alpha\, Söhne & Co. \<Ltd\>,SN=HRB 17,CN=The \"Alpha\" CA,E=pki@alpha.example",
        NameMatch.REORDERED,
    ),
    "OpenSSL one line": (
        (
            '/C=DE/ST=Bayern/L=München/O=Alpha, Söhne & Co. <Ltd>/serialNumber=HRB 17/CN=The "Alpha" CA'
            "/emailAddress=pki@alpha.example"
        ),
        NameMatch.REORDERED,
    ),
    "mendelson b67: seven types in its own order, the rest dropped": (
        'CN="The \\"Alpha\\" CA", O="Alpha, Söhne & Co. <Ltd>", C=DE, ST=Bayern, L=München, E=pki@alpha.example',
        NameMatch.ABRIDGED,
    ),
    "another organisation": (
        r"E=pki@alpha.example,CN=The \"Alpha\" CA,SN=HRB 17,O=Omega,L=München,ST=Bayern,C=DE",
        NameMatch.DIFFERENT,
    ),
    "one RDN too many": (
        r"OU=x,E=pki@alpha.example,CN=The \"Alpha\" CA,SN=HRB 17,O=Alpha\, Söhne & Co. \<Ltd\>,L=München,ST=Bayern,C=DE",
        NameMatch.DIFFERENT,
    ),
    "nothing": ("", NameMatch.DIFFERENT),
    "no name at all": ("the alpha certificate authority", NameMatch.DIFFERENT),
}


@pytest.mark.parametrize(("text", "expected"), DIALECTS.values(), ids=DIALECTS.keys())
def test_issuer_is_found_in_every_dialect(text: str, expected: NameMatch) -> None:
    """CEM-17, CEM-52."""
    assert match_issuer(text, issued()) is expected


RFC4514_EXAMPLES = {
    "section 4, first": ("UID=jsmith,DC=example,DC=net", (("UID", "jsmith"), ("DC", "example"), ("DC", "net"))),
    "section 4, escaped": (r"CN=James \"Jim\" Smith\, III,DC=net", (("CN", 'James "Jim" Smith, III'), ("DC", "net"))),
    "section 4, Lučić": (r"CN=Lu\C4\8Di\C4\87", (("CN", "Lučić"),)),
    "blank at both ends": (r"CN=\ a \ ", (("CN", " a  "),)),
    "number sign first": (r"CN=\#1", (("CN", "#1"),)),
    "backslash": (r"CN=a\\2C", (("CN", "a\\2C"),)),
    "plus": (r"CN=a\+b", (("CN", "a+b"),)),
    "semicolon": (r"CN=a\;b", (("CN", "a;b"),)),
}
_OIDS = {"UID": NameOID.USER_ID, "DC": NameOID.DOMAIN_COMPONENT, "CN": NameOID.COMMON_NAME}


@pytest.mark.parametrize(("text", "pairs"), RFC4514_EXAMPLES.values(), ids=RFC4514_EXAMPLES.keys())
def test_we_write_rfc_4514(text: str, pairs: tuple[tuple[str, str], ...]) -> None:
    """CEM-17: escaped comma, plus, quote."""
    name = rdns(*((_OIDS[keyword], value) for keyword, value in reversed(pairs)))
    written = issuer_text(issued(name))
    assert match_issuer(text, issued(name)) is NameMatch.SAME
    if "\\C4" not in text:
        assert written == text


def test_types_outside_rfc_4514_are_written_dotted_and_in_hex() -> None:
    """X500Principal in Java peers fails on ``E=`` and ``SN=``."""
    written = issuer_text(issued())
    assert written == DIALECTS["RFC 4514, ours"][0]


def test_multivalued_rdn_is_one_rdn() -> None:
    name = x509.Name(
        [
            x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "net")]),
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(NameOID.COMMON_NAME, "J. Smith"),
                    x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Sales"),
                ]
            ),
        ]
    )
    assert match_issuer("OU=Sales+CN=J.  Smith,DC=net", issued(name)) is NameMatch.SAME
    assert match_issuer("OU=Sales,CN=J. Smith,DC=net", issued(name)) is NameMatch.DIFFERENT


def test_control_characters_leave_as_hex_pairs_so_that_xml_keeps_them() -> None:
    name = rdns((NameOID.COMMON_NAME, "Before\rAfter\x01"))
    assert issuer_text(issued(name)) == r"CN=Before\0dAfter\01"
    assert match_issuer(issuer_text(issued(name)), issued(name)) is NameMatch.SAME


def test_value_of_a_type_that_is_no_string_is_compared_in_hex() -> None:
    bits = x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"\x00\x01", _ASN1Type.BitString)
    name = x509.Name([bits, x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    assert match_issuer("CN=x,2.5.4.45=#03020001", issued(name)) is not NameMatch.DIFFERENT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=a,O=b", "O=b, CN=A"),
        ("E=x@y.z", "emailAddress=X@y.z"),
        ("CN=a  b", "cn= a b"),
        ("not a name", "NOT a  name"),
    ],
)
def test_two_texts_mean_one_name(one: str, other: str) -> None:
    assert same_name(one, other)


@pytest.mark.parametrize(("one", "other"), [("CN=a", "CN=b"), ("CN=a,CN=a", "CN=a"), ("CN=a", "O=a"), ("", "CN=")])
def test_two_texts_mean_two_names(one: str, other: str) -> None:
    assert not same_name(one, other)


def test_overlong_text_only_equals_itself() -> None:
    long = "CN=" + "a" * 5000
    assert same_name(long, long)
    assert not same_name(long, long + "b")


_VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)


@given(st.lists(_VALUES, min_size=1, max_size=4))
def test_what_we_write_we_find_again(values: list[str]) -> None:
    """CEM-17."""
    issuer = rdns(*((NameOID.ORGANIZATIONAL_UNIT_NAME, value) for value in values))
    leaf = _leaf_of(issuer)
    assert match_issuer(issuer_text(leaf), leaf) is NameMatch.SAME


def _leaf_of(issuer: x509.Name) -> Certificate:
    return issued(issuer)


@given(st.text(alphabet='CNOE=,;+"\\#/ 0a1.\n', max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert parse_name(text) == parse_name(text + " ")
