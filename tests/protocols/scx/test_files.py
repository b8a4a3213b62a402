"""The three names and the SFID values that go with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.protocols.scx.errors import IllegalValue
from counterseal.protocols.scx.files import SCXType, file_values, reason_text, scx_type


@pytest.mark.parametrize("kind", SCXType)
def test_each_name_fills_the_field(kind: SCXType) -> None:
    """6.1: exactly 26 octets."""
    assert len(kind.value.encode("ascii")) == 26


SPELLINGS = [
    ("ODETTE_CERTIFICATE_REQUEST", SCXType.REQUEST),
    ("odette_certificate_deliver", SCXType.DELIVER),
    ("Odette_Certificate_Replace   ", SCXType.REPLACE),
    ("  ODETTE_CERTIFICATE_DELIVER", SCXType.DELIVER),
]


@pytest.mark.parametrize(("dsn", "kind"), SPELLINGS)
def test_name_is_known_in_any_case_and_with_blanks(dsn: str, kind: SCXType) -> None:
    """SCX-1."""
    assert scx_type(dsn) is kind


@pytest.mark.parametrize(
    "dsn", ["", "ORDERS", "ODETTE_CERTIFICATE", "ODETTE-CERTIFICATE-REQUEST", "OFTP_COMMUNICATION_SETUP"]
)
def test_other_names_are_business_files(dsn: str) -> None:
    """SCX-1."""
    assert scx_type(dsn) is None


@pytest.mark.parametrize("kind", SCXType)
def test_file_is_plain_and_its_receipt_unsigned(kind: SCXType) -> None:
    """SCX-2, SCX-3: SFIDFMT U, LRECL 0, SEC 00, CIPH 00, COMP 0, ENV 0, SIGN N."""
    values = file_values(kind, description="")
    assert (values.dsn, values.fmt, values.lrecl) == (kind, "U", 0)
    assert (values.sec, values.ciph, values.comp, values.env, values.sign) == ("00", "00", "0", "0", False)


def test_description_beyond_999_octets_cannot_be_built() -> None:
    assert file_values(SCXType.DELIVER, description="ü" * 499 + "x").desc
    with pytest.raises(IllegalValue):
        file_values(SCXType.DELIVER, description="ü" * 500)


@given(st.text(max_size=1200))
def test_reason_fits_and_is_never_cut_inside_a_character(text: str) -> None:
    """SCX-8."""
    cut = reason_text(text)
    assert len(cut.encode()) <= 999
    assert text.startswith(cut)
