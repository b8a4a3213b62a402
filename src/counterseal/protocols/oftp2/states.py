"""The state tables of RFC 5024 §9.8 to §9.12 as literal tables: what may come, what may be said, and where it leads.

``RECEIVED`` maps (state, exchange buffer) and ``VERBS`` maps (state, verb) to the RFC's transition index and the states that
it may lead to. A buffer that is not in the table is a protocol violation (ESID 02), a verb that is not in it a mistake of
the caller. ESID is valid in every state (9.12 D, F) and so stands in no row.

Three states are ours, because the caller judges and encrypts outside the session: I_WF_CONCF (the initiator's caller judges
the SSID), SECDP (it makes the challenge) and AUCHP (it opens one). The RFC's *STWFCD states do not exist: while a change of
direction is awaited no verb of a speaker is allowed, and ``TurnReceived`` says when it is (9.10 note 1 leaves this to us).
An SSID in a wrong state is answered with ESID 02, where 9.8 F would drop the connection without a word.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """§9.3, with the RFC's names."""

    I_WF_RM = "I_WF_RM"
    I_WF_SSID = "I_WF_SSID"
    I_WF_CONCF = "I_WF_CONCF"
    A_NC_ONLY = "A_NC_ONLY"
    A_WF_CONRS = "A_WF_CONRS"
    WF_SECD = "WF_SECD"
    SECDP = "SECDP"
    WF_AUCH = "WF_AUCH"
    AUCHP = "AUCHP"
    WF_AURP = "WF_AURP"
    IDLESP = "IDLESP"
    IDLESPCD = "IDLESPCD"
    WF_RTR = "WF_RTR"
    WF_CD = "WF_CD"
    OPOP = "OPOP"
    OPO = "OPO"
    OPOWFC = "OPOWFC"
    CLOP = "CLOP"
    IDLELI = "IDLELI"
    IDLELICD = "IDLELICD"
    OPIP = "OPIP"
    OPI = "OPI"
    CLIP = "CLIP"
    RTRP = "RTRP"
    WF_NDISC = "WF_NDISC"
    IDLE = "IDLE"


class Role(StrEnum):
    """Who opened the connection (§4.2.1)."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


class Buffer(StrEnum):
    """Exchange buffers by name (§4.1)."""

    SSRM = "SSRM"
    SSID = "SSID"
    SECD = "SECD"
    AUCH = "AUCH"
    AURP = "AURP"
    SFID = "SFID"
    SFPA = "SFPA"
    SFNA = "SFNA"
    DATA = "DATA"
    CDT = "CDT"
    EFID = "EFID"
    EFPA = "EFPA"
    EFNA = "EFNA"
    ESID = "ESID"
    CD = "CD"
    EERP = "EERP"
    NERP = "NERP"
    RTR = "RTR"


class Verb(StrEnum):
    """What the caller may ask of a session."""

    ACCEPT_PARTNER = "accept_partner"
    SEND_CHALLENGE = "send_challenge"
    ANSWER_CHALLENGE = "answer_challenge"
    OFFER_FILE = "offer_file"
    RESUME_V_FILE = "resume_v_file"
    SEND_DATA = "send_data"
    END_FILE = "end_file"
    SEND_RECEIPT = "send_receipt"
    GIVE_TURN = "give_turn"
    END = "end"
    ACCEPT_FILE = "accept_file"
    REFUSE_FILE = "refuse_file"
    CONFIRM_FILE = "confirm_file"
    REJECT_FILE = "reject_file"
    ACKNOWLEDGE_RECEIPT = "acknowledge_receipt"


@dataclass(frozen=True, slots=True)
class Transition:
    """The RFC's table and index, and the states that the predicates choose from."""

    index: str
    to: frozenset[State]


def _to(index: str, *states: State) -> Transition:
    return Transition(index, frozenset(states))


_S = State
_B = Buffer
_V = Verb

RECEIVED: Final[dict[tuple[State, Buffer], Transition]] = {
    # §9.8 session connection
    (_S.I_WF_RM, _B.SSRM): _to("9.8 H", _S.I_WF_SSID),
    (_S.I_WF_SSID, _B.SSID): _to("9.8 D", _S.I_WF_CONCF),
    (_S.A_NC_ONLY, _B.SSID): _to("9.8 E", _S.A_WF_CONRS),
    (_S.WF_AUCH, _B.AUCH): _to("9.8 I", _S.AUCHP),
    (_S.WF_AURP, _B.AURP): _to("9.8 K", _S.IDLESP, _S.WF_AUCH),
    (_S.WF_SECD, _B.SECD): _to("9.8 J", _S.SECDP),
    # §9.10 speaker, table 1
    (_S.OPOP, _B.SFPA): _to("9.10 K", _S.OPO),
    (_S.OPOP, _B.SFNA): _to("9.10 L", _S.IDLESP),
    (_S.WF_CD, _B.CD): _to("9.10 H", _S.IDLESP),
    (_S.OPOWFC, _B.CDT): _to("9.10 O", _S.OPO, _S.OPOWFC, _S.CLOP),
    (_S.WF_RTR, _B.RTR): _to("9.10 N", _S.IDLESP),
    # §9.11 speaker, table 2; CDT after EFID is C in 9.10 and tolerated (spec C 5)
    (_S.CLOP, _B.EFPA): _to("9.11 C", _S.IDLELI, _S.IDLESP),
    (_S.CLOP, _B.EFNA): _to("9.11 D", _S.IDLESP),
    (_S.CLOP, _B.CDT): _to("9.10 C", _S.CLOP),
    # §9.12 listener; a file that is not whole is answered with EFNA without asking the caller
    (_S.IDLELI, _B.SFID): _to("9.12 A", _S.OPIP),
    (_S.IDLELICD, _B.SFID): _to("9.12 A", _S.OPIP),
    (_S.OPI, _B.DATA): _to("9.12 I", _S.OPI),
    (_S.OPI, _B.EFID): _to("9.12 J", _S.CLIP, _S.IDLELI),
    (_S.IDLELI, _B.CD): _to("9.12 C", _S.IDLESPCD),
    (_S.IDLELI, _B.EERP): _to("9.12 E", _S.RTRP),
    (_S.IDLELICD, _B.EERP): _to("9.12 E", _S.RTRP),
    (_S.IDLELI, _B.NERP): _to("9.12 L", _S.RTRP),
    (_S.IDLELICD, _B.NERP): _to("9.12 L", _S.RTRP),
}

VERBS: Final[dict[tuple[State, Verb], Transition]] = {
    # §9.8 session connection
    (_S.I_WF_CONCF, _V.ACCEPT_PARTNER): _to("9.8 D", _S.WF_AUCH, _S.IDLESP),
    (_S.A_WF_CONRS, _V.ACCEPT_PARTNER): _to("9.8 G", _S.WF_SECD, _S.IDLELI),
    (_S.SECDP, _V.SEND_CHALLENGE): _to("9.8 J", _S.WF_AURP),
    (_S.AUCHP, _V.ANSWER_CHALLENGE): _to("9.8 I", _S.WF_SECD, _S.IDLELI),
    # §9.10 speaker, table 1
    (_S.IDLESP, _V.SEND_RECEIPT): _to("9.10 A, Y", _S.WF_RTR),
    (_S.IDLESPCD, _V.SEND_RECEIPT): _to("9.10 A, Y", _S.WF_RTR),
    (_S.IDLESP, _V.OFFER_FILE): _to("9.10 B", _S.OPOP),
    (_S.IDLESPCD, _V.OFFER_FILE): _to("9.10 B", _S.OPOP),
    (_S.IDLESP, _V.GIVE_TURN): _to("9.10 D", _S.IDLELICD),
    (_S.IDLESPCD, _V.END): _to("9.10 E", _S.WF_NDISC),
    (_S.OPO, _V.RESUME_V_FILE): _to("9.10 K", _S.OPO),
    (_S.OPO, _V.SEND_DATA): _to("9.10 M", _S.OPO, _S.OPOWFC),
    # §9.11 speaker, table 2; at credit 0 the EFID waits for the CDT (note 1)
    (_S.OPO, _V.END_FILE): _to("9.11 A", _S.OPO, _S.OPOWFC, _S.CLOP),
    (_S.OPOWFC, _V.END_FILE): _to("9.11 E", _S.OPOWFC),
    # §9.12 listener
    (_S.OPIP, _V.ACCEPT_FILE): _to("9.12 H", _S.OPI),
    (_S.OPIP, _V.REFUSE_FILE): _to("9.12 H", _S.IDLELI),
    (_S.CLIP, _V.CONFIRM_FILE): _to("9.12 K", _S.WF_CD, _S.IDLELI),
    (_S.CLIP, _V.REJECT_FILE): _to("9.12 K", _S.IDLELI),
    (_S.RTRP, _V.ACKNOWLEDGE_RECEIPT): _to("9.12 M", _S.IDLELI),
}

ENDED: Final = frozenset({State.WF_NDISC, State.IDLE})
"""Nothing that comes now counts (9.10 S)."""

OUR_MOVE: Final = frozenset(
    {
        State.I_WF_CONCF,
        State.A_WF_CONRS,
        State.SECDP,
        State.AUCHP,
        State.IDLESP,
        State.IDLESPCD,
        State.OPO,
        State.OPIP,
        State.CLIP,
        State.RTRP,
    }
)
"""States in which the caller has to act; in every other one the peer has to."""
