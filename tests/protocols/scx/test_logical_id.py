"""CLID: written in one way, read in every way."""

import base64
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from counterseal.kernel.x509 import Certificate
from counterseal.protocols.scx.logical_id import (
    LogicalId,
    key_usage_octets,
    logical_id,
    names_logically,
    names_physically,
    read_clid,
    write_clid,
)
from tests.protocols.scx.minting import BOTH, certificate, name

OLD = certificate(serial=0x0A1B2C)
ISSUER = r"CN=CA,O=Alpha\, Ltd.,C=DE"
SUBJECT = r"CN=A0,O=Alpha\, Ltd.,C=DE"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_clid_is_written_in_the_order_of_op08() -> None:
    """SCX-19: I N A B E S, LF, base64 names, hexadecimal numbers."""
    assert write_clid(logical_id(OLD)) == "\n".join(
        [
            f"I={b64(ISSUER)}",
            "N=0a1b2c",
            f"A={OLD.authority_key_id.hex()}",
            "B=a0",
            "E=1.3.6.1.5.5.7.3.1,1.3.6.1.5.5.7.3.2",
            f"S={b64(SUBJECT)}",
        ]
    )


def test_self_signed_certificate_gives_its_own_key_identifier() -> None:
    own = certificate(issuer=None)
    assert logical_id(own).key_id == own.subject_key_id


def test_certificate_without_usages_writes_an_empty_b_and_no_e() -> None:
    text = write_clid(logical_id(certificate(usage=None, purposes=None))) or ""
    assert [line[:2] for line in text.split("\n")] == ["I=", "N=", "A=", "B=", "S="]
    assert "\nB=\n" in text


USAGES = [
    ("DS KE", "a0"), ("DS", "80"), ("NR", "40"), ("KE", "20"), ("DE", "10"), ("KA", "08"), ("CS", "04"), ("CRL", "02"),
    ("KA EO", "09"), ("KA DO", "0880"), ("DS NR KE DE KA CS CRL", "fe"), (None, None),
]  # fmt: skip


@pytest.mark.parametrize(("usage", "octets"), USAGES)
def test_key_usage_is_written_as_its_bits(usage: str | None, octets: str | None) -> None:
    found = key_usage_octets(certificate(usage=usage))
    assert (found.hex() if found is not None else None) == octets


def long_name(count: int) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "x" * 62) for _ in range(count)])


SHORTENED = {
    "everything fits": (certificate(), "INABES"),
    "subject dropped": (certificate(long_name(10)), "INABE"),
    "purposes dropped too": (certificate(long_name(9), issuer=long_name(10), purposes=BOTH), "INAB"),
}


@pytest.mark.parametrize(("old", "keys"), SHORTENED.values(), ids=SHORTENED.keys())
def test_what_does_not_fit_is_dropped_in_order(old: Certificate, keys: str) -> None:
    """SCX-19: S first, then E."""
    text = write_clid(logical_id(old)) or ""
    assert "".join(line[0] for line in text.split("\n")) == keys
    assert len(text.encode()) <= 999


def test_clid_that_never_fits_is_not_written() -> None:
    assert write_clid(logical_id(certificate(issuer=long_name(12)))) is None


PLAIN = f"I={b64(ISSUER)}\nN=0a1b2c\nA=\nB=a0\nE=1.3.6.1.5.5.7.3.1,1.3.6.1.5.5.7.3.2\nS={b64(SUBJECT)}"
READ = {
    "as we write it": PLAIN,
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "any order": "\n".join(reversed(PLAIN.split("\n"))),
    "names not encoded": f"I={ISSUER}\nN=0a1b2c\nB=a0\nS={SUBJECT}",
    "names in another order and dialect": (
        "I=" + b64('C=DE, O="Alpha, Ltd.", CN=CA') + "\nN=0a1b2c\nB=a0\nS=" + b64('c=de; o="Alpha, Ltd."; cn=a0')
    ),
    "serial with colons": PLAIN.replace("0a1b2c", "0A:1B:2C"),
    "serial in upper case with zeros in front": PLAIN.replace("0a1b2c", "00000A1B2C"),
    "serial with an odd number of digits": PLAIN.replace("0a1b2c", "a1b2c"),
    "serial with 0x": PLAIN.replace("0a1b2c", "0x0a1b2c"),
    "keys in lower case, blanks around": PLAIN.replace("I=", " i = ").replace("N=", "n =").replace("S=", "s= "),
    "unknown keys": PLAIN + "\nX=y\nhello",
    "key usage with a second octet of zeros": PLAIN.replace("B=a0", "B=A0:00"),
    "only what is mandatory, with the logical rest": f"I={b64(ISSUER)}\nN=0a1b2c\nB=a0\nS={b64(SUBJECT)}",
}


@pytest.mark.parametrize("text", READ.values(), ids=READ.keys())
def test_clid_is_read_in_every_spelling(text: str) -> None:
    """SCX-17, SCX-18, C.15."""
    clid = read_clid(text)
    assert clid is not None
    assert names_physically(clid, OLD)
    assert names_logically(clid, OLD)


NOT_A_CLID = {
    "empty": "",
    "a sentence": "Certificate of Alpha = new",
    "no serial": f"I={b64(ISSUER)}",
    "no issuer": "N=0a1b2c",
    "issuer empty": "I=\nN=0a1b2c",
    "serial not hexadecimal": f"I={b64(ISSUER)}\nN=xyz",
    "serial empty": f"I={b64(ISSUER)}\nN=",
    "serial beyond any": f"I={b64(ISSUER)}\nN={'f' * 100}",
    "longer than the field": PLAIN + "\nX=" + "y" * 1000,
}


@pytest.mark.parametrize("text", NOT_A_CLID.values(), ids=NOT_A_CLID.keys())
def test_other_descriptions_are_no_clid(text: str) -> None:
    """6.3: without I and N it is ignored."""
    assert read_clid(text) is None


OTHERS = {
    "another serial": certificate(serial=5),
    "another issuer": certificate(issuer="CB", serial=0x0A1B2C),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_physical_identity_is_issuer_and_serial(other: Certificate) -> None:
    assert not names_physically(logical_id(OLD), other)


LOGICAL = {
    "renewed": (certificate(), True),
    "without extended key usage": (certificate(purposes=None), True),
    "another subject": (certificate("A3"), False),
    "another issuer": (certificate(issuer="CB"), False),
    "another key usage": (certificate(usage="DS"), False),
    "another extended key usage": (certificate(purposes=BOTH[:1]), False),
}


@pytest.mark.parametrize(("other", "expected"), LOGICAL.values(), ids=LOGICAL.keys())
def test_logical_identity_is_owner_and_purpose(other: Certificate, expected: bool) -> None:
    assert names_logically(logical_id(OLD), other) is expected


def test_clid_without_subject_names_nobody_logically() -> None:
    assert not names_logically(replace(logical_id(OLD), subject=None), OLD)


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40).map("CN={}".format)


@given(
    st.builds(
        LogicalId,
        issuer=_TEXT,
        serial=st.integers(0, 2**160),
        key_id=st.binary(max_size=20),
        key_usage=st.none() | st.sampled_from([b"\xa0", b"\x08\x80"]),
        extended_key_usage=st.none() | st.just(frozenset(BOTH)),
        subject=st.none() | _TEXT,
    )
)
def test_what_is_written_is_read_back(clid: LogicalId) -> None:
    text = write_clid(clid)
    assert text is not None
    assert read_clid(text) == clid


@given(st.text(max_size=300) | st.text("INABES=\n0af:+/", max_size=200))
def test_no_description_breaks_the_reader(text: str) -> None:
    clid = read_clid(text)
    if clid is not None:
        assert names_physically(clid, OLD) in {True, False}
        assert names_logically(clid, OLD) in {True, False}


def test_name_helper_escapes() -> None:
    """The comma in the organisation is what the names above rely on."""
    assert "Alpha, Ltd." in name("A0").rfc4514_string().replace("\\", "")
