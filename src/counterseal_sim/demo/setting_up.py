"""The two firms as configuration files: who they are, and what they agreed with each other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterseal_sim.demo.gateway import Gateway

TIME_ZONE: Final = "Europe/Berlin"
FIRST_LABEL: Final = "first"
"""Label of the certificate that each firm starts with."""

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
