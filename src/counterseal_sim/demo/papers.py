"""The documents of the demo, written for it: EDIFACT (D.96A), X12 (004010), and a drawing that is large enough to be cut."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

ALPHA_GLN: Final = "4012345000009"
BRAVO_GLN: Final = "4012345500004"
ALPHA_X12: Final = "ALPHAARROWS"
BRAVO_X12: Final = "BRAVOBOWS"
DRAWING_OCTETS: Final = 12_000_000
"""More than a window of credit, so that the sender cannot have handed over all of it when the line breaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One document as it is sent."""

    file_name: str
    content_type: str
    subject: str
    content: bytes


def orders(number: int, now: datetime) -> Paper:
    """Alpha orders from Bravo."""
    delivery = now + timedelta(days=14)
    body = [
        f"BGM+220+PO-{number}+9",
        f"DTM+137:{now:%Y%m%d}:102",
        f"DTM+2:{delivery:%Y%m%d}:102",
        "FTX+DEL+++Deliver to gate 4, hours 7 to 15",
        "RFF+CT:FRAME-2025-07",
        f"NAD+BY+{ALPHA_GLN}::9",
        f"NAD+SU+{BRAVO_GLN}::9",
        f"NAD+DP+{ALPHA_GLN}::9",
        "CUX+2:EUR:9",
        "LIN+1++4012345678901:EN",
        "IMD+F++:::Bow limb, laminated, 68 in",
        "QTY+21:240:PCE",
        "PRI+AAA:41.50",
        "LIN+2++4012345678918:EN",
        "IMD+F++:::Riser, ash?+walnut",
        "QTY+21:120:PCE",
        "PRI+AAA:88.00",
        "UNS+S",
        "CNT+2:2",
    ]
    return Paper(
        file_name=f"orders-{number}.edi",
        content_type="application/edifact",
        subject=f"Order PO-{number}",
        content=_interchange("ORDERS", body, sender=ALPHA_GLN, receiver=BRAVO_GLN, number=number, now=now),
    )


def order_response(number: int, now: datetime) -> Paper:
    """Bravo accepts Alpha's order."""
    body = [
        f"BGM+231+OR-{number}+29",
        f"DTM+137:{now:%Y%m%d}:102",
        f"RFF+ON:PO-{number}",
        f"NAD+BY+{ALPHA_GLN}::9",
        f"NAD+SU+{BRAVO_GLN}::9",
        "LIN+1+5+4012345678901:EN",
        "QTY+21:240:PCE",
        "LIN+2+5+4012345678918:EN",
        "QTY+21:120:PCE",
        "UNS+S",
    ]
    return Paper(
        file_name=f"ordrsp-{number}.edi",
        content_type="application/edifact",
        subject=f"Order response for PO-{number}",
        content=_interchange("ORDRSP", body, sender=BRAVO_GLN, receiver=ALPHA_GLN, number=number, now=now),
    )


def purchase_order(number: int, now: datetime) -> Paper:
    """Alpha orders from Bravo, in X12."""
    body = [
        f"BEG*00*SA*PO-{number}**{now:%Y%m%d}",
        "CUR*BY*USD",
        "REF*CT*FRAME-2025-07",
        f"DTM*002*{now + timedelta(days=14):%Y%m%d}",
        "N1*ST*Alpha Arrows, hall 4*92*ALPHA-4",
        "N3*12 Fletcher Lane",
        "N4*Sherwood*VA*22974*US",
        "PO1*1*500*EA*1.15*PE*VP*BB-STRING-68",
        "PID*F****Bow string, 16 strands, 68 in",
        "PO1*2*80*EA*12.40*PE*VP*BB-GRIP-L",
        "PID*F****Grip, leather, left hand",
        "CTT*2",
    ]
    return Paper(
        file_name=f"po-{number}.x12",
        content_type="application/edi-x12",
        subject=f"Purchase order PO-{number}",
        content=_x12("850", "PO", body, sender=ALPHA_X12, receiver=BRAVO_X12, number=number, now=now),
    )


def acknowledgement(number: int, now: datetime) -> Paper:
    """Bravo acknowledges Alpha's purchase order, in X12."""
    body = [
        f"BAK*00*AD*PO-{number}*{now:%Y%m%d}",
        "PO1*1*500*EA*1.15*PE*VP*BB-STRING-68",
        "ACK*IA*500*EA",
        "PO1*2*80*EA*12.40*PE*VP*BB-GRIP-L",
        "ACK*IA*80*EA",
        "CTT*2",
    ]
    return Paper(
        file_name=f"ack-{number}.x12",
        content_type="application/edi-x12",
        subject=f"Acknowledgement of PO-{number}",
        content=_x12("855", "PR", body, sender=BRAVO_X12, receiver=ALPHA_X12, number=number, now=now),
    )


def drawing(number: int, now: datetime) -> Paper:
    """Alpha's drawing of an arrow: a STEP head, then as much noise as a packed model is, which no compression makes smaller."""
    head = (
        f"ISO-10303-21;\r\nHEADER;\r\nFILE_NAME('ARROW-{number}','{now:%Y-%m-%dT%H:%M:%S}',('ALPHA'));\r\nENDSEC;\r\n"
    )
    return Paper(
        file_name=f"ARROW-{number}.STP",
        content_type="application/octet-stream",
        subject=f"Drawing {number}",
        content=head.encode("ascii") + secrets.token_bytes(DRAWING_OCTETS),
    )


def _interchange(kind: str, body: Sequence[str], *, sender: str, receiver: str, number: int, now: datetime) -> bytes:
    """One message in one interchange, syntax version 3; UNT counts the segments from UNH to itself."""
    segments = [
        f"UNB+UNOC:3+{sender}:14+{receiver}:14+{now:%y%m%d:%H%M}+{number}",
        f"UNH+1+{kind}:D:96A:UN",
        *body,
        f"UNT+{len(body) + 2}+1",
        f"UNZ+1+{number}",
    ]
    return ("UNA:+.? '\r\n" + "".join(f"{segment}'\r\n" for segment in segments)).encode("latin-1")


def _x12(
    kind: str, group: str, body: Sequence[str], *, sender: str, receiver: str, number: int, now: datetime
) -> bytes:
    """One transaction set in one group; ISA has its fixed 106 characters, SE counts the segments from ST to itself."""
    segments = [
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{sender:15}*ZZ*{receiver:15}*{now:%y%m%d}*{now:%H%M}*U*00401*{number:09}*0*T*>",
        f"GS*{group}*{sender}*{receiver}*{now:%Y%m%d}*{now:%H%M}*{number}*X*004010",
        f"ST*{kind}*0001",
        *body,
        f"SE*{len(body) + 2}*0001",
        f"GE*1*{number}",
        f"IEA*1*{number:09}",
    ]
    return "".join(f"{segment}~\r\n" for segment in segments).encode("ascii")
