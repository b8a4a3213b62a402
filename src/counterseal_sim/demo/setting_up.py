"""The two firms as configuration files: who they are, and what they agreed with each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterseal_sim.demo.gateway import Gateway

TIME_ZONE: Final = "Europe/Berlin"
FIRST_LABEL: Final = "first"
"""Label of the certificate that each firm starts with."""
OFTP2_LABEL: Final = "oftp2"
"""Label of the certificate that each firm has for OFTP2, its listener too."""

_OWN: Final = """\
version: 1
communities:
  - slug: {slug}
    name: {name}
    time_zone: {time_zone}
    contact_email: edi@{slug}.example
    certificates:
      - label: {label}
        generate:
          common_name: {name} EDI
          organisation: {name}
          country: {country}
          email: edi@{slug}.example
          bits: 3072
          valid_for: 45d
    stations:
      - protocol: as2
        identity: {identity}
        name: {name} AS2
        url: {url}
        email: edi@{slug}.example
"""
_PARTNER: Final = """\
    partners:
      - slug: {slug}
        name: {name}
        contact_email: edi@{slug}.example
        certificates:
          - label: {slug} {label}
            file: {file}
        agreements:
          - station: {station}
            partner_identity: {identity}
            as2:
              url: {url}
              sign: true
              encrypt: true
              receipt: sync
              receipt_signed: true
            assignments:
              ours: {{sign: {label}, encrypt: {label}}}
              theirs: {{sign: {slug} {label}, encrypt: {slug} {label}}}
"""
_OFTP2_OWN: Final = """\
version: 1
communities:
  - slug: {slug}
    name: {name}
    time_zone: {time_zone}
    contact_email: edi@{slug}.example
    certificates:
      - label: {label}
        generate:
          common_name: {name} OFTP2
          organisation: {name}
          country: {country}
          ip_addresses: [127.0.0.1]
          bits: 3072
          valid_for: 45d
    stations:
      - protocol: oftp2
        identity: {code}
        name: {name} OFTP2
"""
_OFTP2_PARTNER: Final = """\
    partners:
      - slug: {slug}
        name: {name}
        contact_email: edi@{slug}.example
        certificates:
          - label: {slug} {label}
            file: {file}
        agreements:
          - station: {station}
            partner_identity: {code}
            oftp2:
              host: 127.0.0.1
              port: {port}
              ssid_code: {code}
              our_password: {{value: {our_password}}}
              their_password: {{value: {their_password}}}
              secure_authentication: true
              sign: true
              encrypt: true
              receipt_signed: true
              require_signed_receipt: true
              retries: [1s, 2s, 5s, 10s]
            assignments:
              ours: {{{ours}}}
              theirs: {{{theirs}}}
"""
_OFTP2_USAGES: Final = ("file-sign", "file-encrypt", "receipt-sign", "session-auth")
_OFTP2_CODES: Final = {"alpha": "O0013000001ALPHA", "bravo": "O0013000002BRAVO"}
_COUNTRIES: Final = {"alpha": "NO", "bravo": "DE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """One gateway, and the address at which its partner reaches it."""

    gateway: Gateway
    url: str
    folder: Path
    """Where its configuration and the partner's certificate lie."""

    @property
    def pem(self) -> Path:
        """Its first certificate, as it is mailed to the partner."""
        return self.folder / f"{self.gateway.slug}.pem"

    @property
    def file(self) -> Path:
        return self.folder / f"{self.gateway.slug}.yaml"

    @property
    def oftp2_pem(self) -> Path:
        return self.folder / f"{self.gateway.slug}-oftp2.pem"

    @property
    def oftp2_file(self) -> Path:
        return self.folder / f"{self.gateway.slug}-oftp2.yaml"

    @property
    def code(self) -> str:
        """Its Odette identification code: organisation and node (RFC 5024 5.4)."""
        return _OFTP2_CODES[self.gateway.slug]


def own_part(firm: Firm, url: str) -> str:
    """The firm alone: community, station, and a certificate that is made when the file is applied."""
    gateway = firm.gateway
    return _OWN.format(
        slug=gateway.slug,
        name=gateway.name,
        identity=gateway.identity,
        time_zone=TIME_ZONE,
        label=FIRST_LABEL,
        country=_COUNTRIES[gateway.slug],
        url=url,
    )


def with_partner(firm: Firm, partner: Firm, *, own_url: str, partner_url: str) -> str:
    """The firm and what it agreed with its partner."""
    gateway = partner.gateway
    agreed = _PARTNER.format(
        slug=gateway.slug,
        name=gateway.name,
        identity=gateway.identity,
        station=firm.gateway.identity,
        label=FIRST_LABEL,
        file=partner.pem.name,
        url=partner_url,
    )
    return own_part(firm, own_url) + agreed


def own_oftp2_part(firm: Firm) -> str:
    """A station for OFTP2, and one certificate for all that OFTP2 does. What the other file says stays."""
    slug = firm.gateway.slug
    return _OFTP2_OWN.format(
        slug=slug,
        name=firm.gateway.name,
        time_zone=TIME_ZONE,
        label=OFTP2_LABEL,
        country=_COUNTRIES[slug],
        code=firm.code,
    )


def with_oftp2_partner(firm: Firm, partner: Firm, *, port: int, passwords: Mapping[str, str]) -> str:
    """The same and what it agreed with its partner, whose listener is reached at ``port``; passwords by slug."""
    slug, other = firm.gateway.slug, partner.gateway.slug
    theirs = f"{other} {OFTP2_LABEL}"
    agreed = _OFTP2_PARTNER.format(
        slug=other,
        name=partner.gateway.name,
        label=OFTP2_LABEL,
        file=partner.oftp2_pem.name,
        station=firm.code,
        code=partner.code,
        port=port,
        our_password=passwords[slug],
        their_password=passwords[other],
        ours=", ".join(f"{usage}: {OFTP2_LABEL}" for usage in _OFTP2_USAGES),
        theirs=", ".join(f"{usage}: {theirs}" for usage in (*_OFTP2_USAGES, "tls-server")),
    )
    return own_oftp2_part(firm) + agreed
