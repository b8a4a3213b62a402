"""Trusted CAs in the YAML: applied once, exported as they are, refused where they cannot vouch for anybody."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.domain.root_role import RootRole
from counterseal.engine import configuration
from counterseal.engine.configuration import ConfigurationRefused
from counterseal.engine.ports import Ports, Window
from tests.builders import mint, mint_ca, rsa_key
from tests.configurations import FULL, SMALL, GivenSources, sources
from tests.gateway import ADMINISTRATOR, open_gateway

CA = mint_ca("Odette Root", key=rsa_key(90))
ISSUER = mint_ca("Odette CA", key=rsa_key(91), issuer=CA)
FILES = GivenSources(
    {
        "root.pem": CA.certificate.pem.encode(),
        "issuer.pem": ISSUER.certificate.pem.encode(),
        "leaf.pem": mint("Bravo").certificate.pem.encode(),
    }
)
TEXT = SMALL.replace(
    "    stations:\n",
    "    trusted_roots:\n      - {file: root.pem, role: issuer}\n      - {file: root.pem}\n    stations:\n",
).replace("        agreements:\n", "        trusted_roots: [{file: issuer.pem}]\n        agreements:\n")


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    with open_gateway(tmp_path) as gateway:
        yield gateway


def apply(ports: Ports, text: str) -> configuration.Changes:
    return configuration.apply(ports, ADMINISTRATOR, configuration.read(ports, text.encode(), sources=FILES))


def trusted(ports: Ports) -> list[tuple[str, RootRole, bool]]:
    with ports.store.read() as reader:
        community = reader.find_community("alpha")
        assert community is not None
        found = reader.trusted_roots(community.id)
    return [(t.certificate.common_name, t.role, t.partner_id is not None) for t in found]


EXPECTED = [
    ("Odette Root", RootRole.ISSUER, False),
    ("Odette Root", RootRole.ROOT, False),
    ("Odette CA", RootRole.ROOT, True),
]


def test_roots_are_applied_once_for_all_partners_or_for_one(ports: Ports) -> None:
    apply(ports, TEXT)
    assert trusted(ports) == EXPECTED
    assert apply(ports, TEXT).changes == ()
    ports.store.seal()
    with ports.store.read() as reader:
        names = [e.event.event for e in reader.audit(window=Window(limit=100))]
    assert names.count("root.added") == 3


def test_an_export_says_them_and_applies_elsewhere(ports: Ports, tmp_path: Path) -> None:
    apply(ports, TEXT)
    text = configuration.export(ports, ADMINISTRATOR, community="")
    assert apply(ports, text).changes == ()
    with open_gateway(tmp_path / "other") as other:
        apply(other, text)
        assert trusted(other) == EXPECTED


@pytest.mark.parametrize(
    ("wrong", "words"),
    [("file: leaf.pem", "a CA certificate"), ("file: root.pem, role: king", "role")],
)
def test_what_is_no_root_is_an_error_with_its_line_and_nothing_is_stored(ports: Ports, wrong: str, words: str) -> None:
    with pytest.raises(ConfigurationRefused, match=words):
        apply(ports, TEXT.replace("file: issuer.pem", wrong))
    with ports.store.read() as reader:
        assert reader.find_community("alpha") is None


def test_announced_identities_are_applied_exported_and_checked(ports: Ports) -> None:
    """SCX-22."""
    line = "CN=Bravo, O=Bravo Bows | CN=Odette CA | digitalSignature clientAuth"
    text = FULL.replace("poll_every: 15m", f'first_exchange: true\n              announced: ["{line}"]')
    files = sources()

    def take(written: str) -> configuration.Changes:
        return configuration.apply(ports, ADMINISTRATOR, configuration.read(ports, written.encode(), sources=files))

    take(text)
    assert line in configuration.export(ports, ADMINISTRATOR, community="")
    assert take(text).changes == ()
    with pytest.raises(ConfigurationRefused, match="announced"):
        take(text.replace("clientAuth", "king"))
