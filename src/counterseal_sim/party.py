"""Who talks: a simulated party with its keys, and what it knows of the gateway."""

from dataclasses import dataclass, field

from counterseal.adapters.vault.keys import VaultDecrypter, VaultSigner, known_kind, rejection_secret
from counterseal.kernel.keys import Decrypter, Signer
from counterseal.kernel.x509 import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One simulated identity: an AS2 name with one certificate for signing and decrypting."""

    name: str
    url: str
    certificate: Certificate
    chain: tuple[Certificate, ...] = ()
    signer: Signer
    decrypter: Decrypter

    @classmethod
    def of(cls, name: str, url: str, certificate: Certificate, key: object) -> "Party":
        private = known_kind(key)
        return cls(
            name=name,
            url=url,
            certificate=certificate,
            signer=VaultSigner(certificate.der, private),
            decrypter=VaultDecrypter(certificate.der, private, rejection_secret(private)),
        )


@dataclass(slots=True, kw_only=True)
class Counterpart:
    """What the simulated partner knows of the gateway; it learns certificates by accepting them."""

    name: str
    url: str
    encrypts_to: Certificate
    verifies_with: list[Certificate] = field(default_factory=list)
