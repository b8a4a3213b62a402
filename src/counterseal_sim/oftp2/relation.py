"""What the simulated partner and the gateway agreed: codes, passwords, certificates."""

import secrets
from dataclasses import dataclass, field

from counterseal.protocols.oftp2.negotiation import Mode, Offer
from counterseal_sim.oftp2.dials import AnswerDial, OFTP2Dials
from counterseal_sim.party import Counterpart, Party


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """``party.name`` and ``gateway.name`` are Odette codes."""

    party: Party
    password: str = field(repr=False)
    gateway: Counterpart
    gateway_password: str = field(repr=False)
    authentication: bool = False

    def offer(self, dials: OFTP2Dials) -> Offer:
        """What it says of itself in its SSID."""
        wrong = dials.answer
        return Offer(
            code="O0013STRANGER" if wrong is AnswerDial.WRONG_CODE else self.party.name,
            password=secrets.token_hex(4) if wrong is AnswerDial.WRONG_PASSWORD else self.password,
            user="",
            buffer_octets=4096,
            credit=dials.window,
            mode=Mode.BOTH,
            compression=False,
            restart=True,
            authentication=self.authentication,
        )
