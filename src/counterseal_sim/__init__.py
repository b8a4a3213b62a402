"""A simulated trading partner that speaks real AS2 and CEM, with dials for everything that partners do wrong.

It shares our protocol cores, so it proves flows, never interoperability. ``Partner`` is bytes in, bytes out; ``PartnerServer``
puts it on a socket.
"""

from counterseal_sim.dials import CEMDial, Dials, ReceiptDial
from counterseal_sim.partner import Partner
from counterseal_sim.party import Counterpart, Party
from counterseal_sim.server import PartnerServer
from counterseal_sim.wire import Heard, Offered, Outgoing, Reply, Wire

__all__ = [
    "CEMDial",
    "Counterpart",
    "Dials",
    "Heard",
    "Offered",
    "Outgoing",
    "Partner",
    "PartnerServer",
    "Party",
    "ReceiptDial",
    "Reply",
    "Wire",
]
