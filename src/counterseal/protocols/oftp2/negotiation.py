"""What two SSIDs agree on (RFC 5024 §5.3.2, 9.8 predicates P2, P4, P8, P10): pure functions over both offers."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from counterseal.protocols.oftp2.commands import SSID
from counterseal.protocols.oftp2.errors import (
    AuthenticationMismatch,
    Incompatible,
    InvalidField,
    InvalidValue,
    LevelTooOld,
)

LEVEL: Final = "5"
SMALLEST_BUFFER: Final = 128
LARGEST_BUFFER: Final = 99_999
LEAST_CREDIT: Final = 2  # with 1 some speakers never send EFID (spec C 29)
MOST_CREDIT: Final = 999
REVISIONS: Final = {"1": "1.2 or 1.3", "2": "1.3", "4": "1.4", "5": "2.0"}


class Mode(StrEnum):
    """SSIDSR: what a side can do."""

    SEND = "S"
    RECEIVE = "R"
    BOTH = "B"


_OPPOSITE: Final = {Mode.SEND: Mode.RECEIVE, Mode.RECEIVE: Mode.SEND, Mode.BOTH: Mode.BOTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What we say in our SSID."""

    code: str
    password: str = field(repr=False)
    user: str
    buffer_octets: int
    credit: int
    mode: Mode
    compression: bool
    restart: bool
    authentication: bool

    def __post_init__(self) -> None:
        if not SMALLEST_BUFFER <= self.buffer_octets <= LARGEST_BUFFER:
            raise InvalidValue(f"the buffer size is {SMALLEST_BUFFER} to {LARGEST_BUFFER}, got {self.buffer_octets}")
        if not LEAST_CREDIT <= self.credit <= MOST_CREDIT:
            raise InvalidValue(f"the credit is {LEAST_CREDIT} to {MOST_CREDIT}, got {self.credit}")

    def ssid(self) -> SSID:
        """The SSID of an initiator with this offer."""
        return SSID(
            lev=LEVEL,
            code=self.code,
            pswd=self.password,
            sdeb=self.buffer_octets,
            sr=self.mode.value,
            cmpr=self.compression,
            rest=self.restart,
            spec=False,
            cred=self.credit,
            auth=self.authentication,
            user=self.user,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """The session's parameters. ``mode`` is ours: what *we* may do."""

    buffer_octets: int
    credit: int
    mode: Mode
    compression: bool
    restart: bool
    authentication: bool

    @property
    def may_send(self) -> bool:
        return self.mode is not Mode.RECEIVE

    @property
    def may_receive(self) -> bool:
        return self.mode is not Mode.SEND


def check_ssid(theirs: SSID) -> None:
    """Raise when an SSID can never lead to a session: level below 5 (10), buffer size or credit out of range.

    An older level would drop file security and authentication, so it is never answered with less (spec C 32, OFTP-54).
    """
    if theirs.lev < LEVEL:
        revision = REVISIONS.get(theirs.lev, "unknown")
        raise LevelTooOld(f"level {theirs.lev} (revision {revision}) is offered; level 5 (OFTP 2.0) is required")
    if theirs.sdeb < SMALLEST_BUFFER:
        raise InvalidField(f"SSIDSDEB is at least {SMALLEST_BUFFER}, got {theirs.sdeb} (§5.3.2)")
    if theirs.cred < 1:
        raise InvalidField("SSIDCRED is at least 1, got 0 (§9.7)")
    if theirs.cred < LEAST_CREDIT:
        raise Incompatible(
            f"a credit of {theirs.cred} stops transfers for good with some stacks; at least 2 is required"
        )


def _our_mode(ours: Mode, theirs: Mode) -> Mode:
    """Our mode against theirs: B goes down to what the other side leaves (§3.2.1). Raises ``Incompatible``."""
    wanted = _OPPOSITE[theirs]
    if ours is Mode.BOTH:
        return wanted
    if wanted in {Mode.BOTH, ours}:
        return ours
    raise Incompatible(f"both sides can only {'send' if ours is Mode.SEND else 'receive'} (SSIDSR)")


def _agree(ours: Offer, theirs: SSID, credit: int) -> Agreed:
    if ours.authentication != theirs.auth:
        raise AuthenticationMismatch(
            f"secure authentication is {'required' if ours.authentication else 'not used'} here, "
            f"and {'required' if theirs.auth else 'not used'} there (SSIDAUTH)"
        )
    return Agreed(
        buffer_octets=min(ours.buffer_octets, theirs.sdeb),
        credit=credit,
        mode=_our_mode(ours.mode, Mode(theirs.sr)),
        compression=ours.compression and theirs.cmpr,
        restart=ours.restart and theirs.rest,
        authentication=ours.authentication,
    )


def answer(ours: Offer, theirs: SSID) -> tuple[SSID, Agreed]:
    """The responder's SSID and what it settles. Raises ``Incompatible`` or ``AuthenticationMismatch``."""
    agreed = _agree(ours, theirs, min(ours.credit, theirs.cred))
    reply = SSID(
        lev=LEVEL,
        code=ours.code,
        pswd=ours.password,
        sdeb=agreed.buffer_octets,
        sr=agreed.mode.value,
        cmpr=agreed.compression,
        rest=agreed.restart,
        spec=False,
        cred=agreed.credit,
        auth=agreed.authentication,
        user=ours.user,
    )
    return reply, agreed


def settle(ours: Offer, theirs: SSID) -> Agreed:
    """What the responder's answer settles, seen by the initiator.

    Raises ``Incompatible`` for a credit above the one offered (§5.3.2: the smallest must be in the answer).
    """
    if theirs.cred > ours.credit:
        raise Incompatible(f"the answer raises the credit from {ours.credit} to {theirs.cred} (SSIDCRED)")
    return _agree(ours, theirs, theirs.cred)
