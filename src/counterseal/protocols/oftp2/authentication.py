"""The challenge of secure authentication as CMS (RFC 5024 §5.3.17): 20 random octets, encrypted to the peer's certificate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from counterseal.kernel.keys import Decrypter
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import cms
from counterseal.protocols.oftp2.errors import ChallengeFailed
from counterseal.protocols.oftp2.opening import CHALLENGE_OCTETS
from counterseal.protocols.oftp2.security import encryption_plan
from counterseal.protocols.oftp2.suites import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What ``Session.send_challenge`` takes."""

    octets: bytes = field(repr=False)
    envelope: bytes = field(repr=False)


def build_challenge(*, suite: Suite, recipient: Certificate, entropy: Callable[[int], bytes]) -> Challenge:
    """A fresh challenge; any suite may carry it (§5.3.17 note)."""
    octets = entropy(CHALLENGE_OCTETS)
    chunks = cms.encrypt((octets,), encryption_plan(suite, recipient), entropy=entropy, size=len(octets))
    return Challenge(octets=octets, envelope=b"".join(bytes(chunk) for chunk in chunks))


def open_challenge(envelope: bytes, keys: Sequence[Decrypter], *, limits: cms.Limits) -> bytes:
    """The 20 octets to answer with. Raises ``ChallengeFailed`` when none of our keys gives 20 octets."""
    octets = b""
    try:
        for chunk in cms.decrypt((envelope,), keys, limits=limits).chunks():
            octets += bytes(chunk)
            if len(octets) > CHALLENGE_OCTETS:
                break
    except cms.CMSFault as fault:
        raise ChallengeFailed("the challenge opens with none of our keys") from fault
    if len(octets) != CHALLENGE_OCTETS:
        raise ChallengeFailed(f"the challenge does not hold {CHALLENGE_OCTETS} octets (§5.3.17)")
    return octets
