"""The table of dispositions, both ways."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.kernel import mime, x509
from counterseal.kernel.errors import PeerFault
from counterseal.protocols import as2, cms
from counterseal.protocols.as2.disposition import meaning, parse_disposition

AUTO = "automatic-action/MDN-sent-automatically; "


def subclasses(cls: type[PeerFault]) -> Iterator[type[PeerFault]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def codes() -> set[str]:
    """Of every PeerFault that opening a message can raise, in the packages below AS2 and in AS2 itself."""
    for package in (as2, cms, mime):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            import_module(module.name)
    roots = tuple(package.__name__ for package in (as2, cms, mime, x509))
    return {sub.code for sub in subclasses(PeerFault) if sub.__module__.startswith(roots)}


def test_every_fault_of_as2_and_below_has_its_row_and_no_row_is_without_a_fault() -> None:
    assert set(as2.TABLE) == codes()


EXPECTED = {
    # code: (rfc4130, modern)
    "cms.decryption-failed": ("processed/error: decryption-failed", None),
    "cms.decompression-failed": ("processed/error: decompression-failed", None),
    "cms.signature-invalid": ("processed/error: integrity-check-failed", None),
    "cms.signer-unknown": ("processed/error: authentication-failed", None),
    "cms.no-signer": ("processed/error: authentication-failed", None),
    "as2.insufficient-security": ("processed/error: insufficient-message-security", None),
    "as2.unsupported-mic-algorithm": (
        "failed/failure: unsupported MIC-algorithms",
        "failed/failure: unsupported-mic-algorithm",
    ),
    "as2.unsupported-receipt-format": ("failed/failure: unsupported format", None),
    "as2.sender-equals-receiver": ("failed/failure: sender-equals-receiver", None),
    "as2.unknown-relationship": (
        "processed/error: authentication-failed",
        "processed/error: unknown-trading-relationship",
    ),
    "as2.invalid-message-id": (
        "processed/error: unexpected-processing-error",
        "processed/error: invalid-message-id",
    ),
    "as2.duplicate-file-name": (
        "processed/error: unexpected-processing-error",
        "processed/error: duplicate-filename",
    ),
    "as2.illegal-file-name": ("processed/error: unexpected-processing-error", "processed/error: illegal-filename"),
    "mime.malformed": ("processed/error: unexpected-processing-error", None),
    "cms.limit-exceeded": ("processed/error: unexpected-processing-error", None),
}


@pytest.mark.parametrize("code", EXPECTED)
def test_bis_17_each_fault_is_told_in_the_words_of_the_profile(code: str) -> None:
    old, new = EXPECTED[code]
    row = as2.TABLE[code]
    assert row.disposition(as2.Profile.RFC4130).format() == AUTO + old
    assert row.disposition(as2.Profile.MODERN).format() == AUTO + (new or old)


@pytest.mark.parametrize("profile", as2.Profile)
@pytest.mark.parametrize("code", as2.TABLE)
def test_every_disposition_that_we_send_is_negative_and_is_understood_when_it_comes_back(
    code: str, profile: as2.Profile
) -> None:
    row = as2.TABLE[code]
    sent = row.disposition(profile)
    leniencies: set[as2.Leniency] = set()
    assert parse_disposition(sent.format(), fields={}, leniencies=leniencies) == sent
    assert not leniencies
    assert not sent.positive
    assert row.sentence.endswith(".")
    assert not meaning(sent).startswith("The partner says")


def test_faults_of_other_packages_get_the_catch_all() -> None:
    class Other(PeerFault):
        code = "other.fault"

    assert as2.row_of(Other("x")) is as2.FALLBACK
    assert as2.row_of(as2.InsufficientSecurity("x")).rfc4130 == "insufficient-message-security"


RECEIVED = {
    # what comes: (positive, clean, extension)
    AUTO + "processed": (True, True, ""),
    "automatic-action/MDN-sent-automatically;processed": (True, True, ""),
    "Automatic-Action/mdn-sent-automatically; Processed": (True, True, ""),
    "manual-action/MDN-sent-manually; processed": (True, True, ""),
    "processed": (True, True, ""),
    AUTO + "displayed": (True, True, ""),
    '"' + AUTO + 'processed"': (True, True, ""),
    AUTO + "processed/error: authentication-failed": (False, False, "authentication-failed"),
    AUTO + "processed/Error: decryption-failed": (False, False, "decryption-failed"),
    AUTO + "processed/error:integrity-check-failed": (False, False, "integrity-check-failed"),
    AUTO + "processed/error; decryption-failed": (False, False, "decryption-failed"),
    AUTO + "processed / error : decryption-failed": (False, False, "decryption-failed"),
    AUTO + "processed/error decryption-failed": (False, False, "decryption-failed"),
    AUTO + 'processed/error: "decryption-failed"': (False, False, "decryption-failed"),
    AUTO + "processed/error": (False, False, "from the field"),
    AUTO + "processed/warning: duplicate-document": (True, False, "duplicate-document"),
    AUTO + "processed/warning": (True, False, ""),
    AUTO + "processed/warning: authentication-failed, processing continued": (
        True,
        False,
        "authentication-failed, processing continued",
    ),
    AUTO + "failed/failure: sender-equals-receiver": (False, False, "sender-equals-receiver"),
    AUTO + "failed/Failure: unsupported format": (False, False, "unsupported format"),
    AUTO + "failed": (False, False, ""),
    AUTO + "processed/failure: x": (False, False, "x"),
    AUTO + "processed/superseded": (False, False, "superseded"),
}


@pytest.mark.parametrize("value", RECEIVED)
def test_dispositions_are_read_as_peers_write_them(value: str) -> None:
    found = parse_disposition(value, fields={"error": "from the field"}, leniencies=set())
    assert found is not None
    assert (found.positive, found.clean, found.extension) == RECEIVED[value]


@pytest.mark.parametrize("value", ["", "???", AUTO, AUTO + "exploded", "a/b; c; processed x", ";;;", "processed/"])
def test_what_cannot_be_understood_is_nothing_and_never_a_success(value: str) -> None:
    assert parse_disposition(value, fields={}, leniencies=set()) is None


def test_an_unusual_modifier_counts_as_an_error_and_is_noted() -> None:
    leniencies: set[as2.Leniency] = set()
    found = parse_disposition("processed/trouble: x", fields={}, leniencies=leniencies)
    assert found is not None
    assert found.modifier is as2.Modifier.ERROR
    assert leniencies == {as2.Leniency.DISPOSITION_MODE_MISSING, as2.Leniency.DISPOSITION_MODIFIER_UNUSUAL}


@given(st.text(max_size=300))
def test_any_text_is_a_disposition_or_nothing(text: str) -> None:
    found = parse_disposition(text, fields={"error": text}, leniencies=set())
    if found is not None:
        assert len(found.extension) <= 256
        assert meaning(found)
