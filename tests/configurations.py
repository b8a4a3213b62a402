"""Texts of configurations for tests, and the key files that they name."""

from pathlib import Path

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption, pkcs12

from counterseal.engine.configuration import SourceRefused
from tests.builders import Minted, mint, rsa_key

PASSWORD = "correct horse"
OURS = mint("Alpha Arrows", key=rsa_key(0))
THEIRS = mint("Bravo Bows", key=rsa_key(1))


def key_file(minted: Minted, password: str = PASSWORD) -> bytes:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"key", minted.key, minted.certificate.load(), None, encryption)


class GivenSources:
    """Files and variables as a test gives them."""

    def __init__(self, files: dict[str, bytes] | None = None, variables: dict[str, str] | None = None) -> None:
        self._files = files or {}
        self._variables = variables or {}

    def file(self, path: str) -> bytes:
        if path not in self._files:
            raise SourceRefused(f"there is no file {path}")
        return self._files[path]

    def environment(self, name: str) -> str:
        if name not in self._variables:
            raise SourceRefused(f"the variable {name} is not set")
        return self._variables[name]


def sources() -> GivenSources:
    return GivenSources(
        {"alpha.p12": key_file(OURS), "bravo.pem": THEIRS.certificate.pem.encode()},
        {"ALPHA_P12": PASSWORD, "BRAVO_BASIC": "let me in"},
    )


def write_files(folder: Path) -> None:
    """The same files on a disk."""
    (folder / "alpha.p12").write_bytes(key_file(OURS))
    (folder / "bravo.pem").write_bytes(THEIRS.certificate.pem.encode())


FULL = """\
version: 1
communities:
  - slug: alpha
    name: Alpha Arrows
    time_zone: Europe/Berlin
    contact_email: edi@alpha.example
    rules:
      cem_mode: renewals
      two_people: true
    certificates:
      - label: alpha-2026
        key_file: alpha.p12
        password: {env: ALPHA_P12}
      - label: alpha-ec
        generate:
          common_name: Alpha Arrows EC
          country: NO
          key: ec
          valid_for: 365d
    default_certificates:
      file-sign: alpha-2026
    stations:
      - protocol: as2
        identity: ALPHA
        name: Alpha AS2
        url: http://127.0.0.1:4080/as2
        email: edi@alpha.example
      - protocol: oftp2
        identity: O0013000001ALPHA
        name: Alpha OFTP2
    partners:
      - slug: bravo
        name: Bravo Bows
        owner: mara
        note: |
          Call before noon.
          Not on Fridays.
        certificates:
          - label: bravo-2026
            file: bravo.pem
        agreements:
          - station: ALPHA
            partner_identity: BRAVO
            as2:
              url: https://bravo.example/as2
              cipher: aes-128-cbc
              receipt: async
              receipt_timeout: 2h
              retries: [1m, 10m]
              async_receipt_hosts: [mdn.bravo.example]
              basic_user: alpha
              basic_password: {env: BRAVO_BASIC}
            exchange:
              mode: automatic
              cutover: manual
            assignments:
              ours: {sign: alpha-2026, encrypt: alpha-2026}
              theirs: {sign: bravo-2026, encrypt: bravo-2026}
          - station: O0013000001ALPHA
            partner_identity: O0013000002BRAVO
            active: false
            oftp2:
              host: oftp.bravo.example
              ssid_code: O0013000002BRAVO
              their_password: {value: GEHEIM}
              poll_every: 15m
            assignments:
              ours: {file-sign: alpha-ec}
"""

SMALL = """\
version: 1
communities:
  - slug: alpha
    name: Alpha Arrows
    stations:
      - {protocol: as2, identity: ALPHA, name: Alpha AS2}
    partners:
      - slug: bravo
        name: Bravo Bows
        agreements:
          - station: ALPHA
            partner_identity: BRAVO
            as2: {url: "http://127.0.0.1:4081/as2"}
"""
