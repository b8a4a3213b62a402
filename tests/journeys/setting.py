"""Two gateways on disk for the journeys: made once as a pattern, copied for every test."""

import functools
from datetime import UTC, datetime, timedelta
from pathlib import Path

from counterseal import app
from counterseal.domain.agreement import Agreement, ReceiptMode
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.usage import Side, Usage
from counterseal.engine import certificates
from counterseal.engine.ports import Ports
from counterseal.engine.trust_requests import StoredCertificate
from counterseal.kernel.ids import Fingerprint
from counterseal.settings import Settings
from tests.builders import Minted, a_community, a_partner, a_station, an_agreement, as2_terms, mint, rsa_key
from tests.gateway import ADMINISTRATOR

CONTENT = b"UNA:+.? 'UNB+UNOA:1+ALPHA+BRAVO+261125:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220+4711+9'UNT+3+1'UNZ+1+1'"
DOCUMENT_ID = "0" * 31 + "d"
NEW_USAGES = frozenset({Usage.SIGN, Usage.ENCRYPT})
NEW_LABEL = "the new one"
PAUSE = timedelta(milliseconds=150)


@functools.cache
def minted(common_name: str, number: int) -> Minted:
    """Valid now: these gateways live in real time."""
    return mint(common_name, key=rsa_key(number), now=datetime.now(UTC))


def make_gateway(data_dir: Path, *, names: tuple[str, str], ports: tuple[int, int], receipt: ReceiptMode) -> None:
    """A data directory with one community, one partner on the other port, and certificates of both sides; a further
    certificate of ours is held, and used for nothing yet."""
    opened = app.open_ports(Settings(data_dir=data_dir, host_name=f"{names[0].lower()}.example"))
    community = a_community(slug=names[0].lower(), name=names[0])
    station = a_station(community_id=community.id, identity=names[0], url=f"http://127.0.0.1:{ports[0]}/as2")
    partner = a_partner(community_id=community.id, slug=names[1].lower(), name=names[1])
    agreement = an_agreement(
        community_id=community.id,
        station_id=station.id,
        partner_id=partner.id,
        partner_identity=names[1],
        terms=as2_terms(
            url=f"http://127.0.0.1:{ports[1]}/as2",
            retries=(PAUSE,) * 60,
            receipt=receipt,
            receipt_timeout=timedelta(seconds=30),
        ),
    )
    with opened.store.write() as writer:
        writer.put(community, station, partner, agreement)
    ours = _hold(opened, community.id, minted(names[0], ord(names[0][0])), "in use")
    _hold(opened, community.id, minted(names[0], ord(names[0][0]) + 100), NEW_LABEL)
    theirs = certificates.add_partner_certificate(
        opened, ADMINISTRATOR, partner.id, content=minted(names[1], ord(names[1][0])).der
    )
    for side, held in ((Side.OURS, ours), (Side.THEIRS, theirs)):
        certificates.assign(
            opened, ADMINISTRATOR, agreement.id, side=side, usages=NEW_USAGES, fingerprint=held.fingerprint
        )
    app.close_ports(opened)


def _hold(opened: Ports, community_id: object, minted: Minted, label: str) -> HeldCertificate:
    return certificates.import_key_file(
        opened,
        ADMINISTRATOR,
        community_id,  # type: ignore[arg-type]
        content=minted.pem + minted.key_pem,
        password=None,
        label=label,
    )


def the_agreement(ports: Ports) -> Agreement:
    with ports.store.read() as reader:
        (community,) = reader.communities()
        (agreement,) = reader.agreements(community.id)
    return agreement


def the_new_certificate(ports: Ports) -> StoredCertificate:
    return StoredCertificate(fingerprint=new_fingerprint(ports))


def new_fingerprint(ports: Ports) -> Fingerprint:
    with ports.store.read() as reader:
        (community,) = reader.communities()
        (held,) = [h for h in reader.certificates(community.id) if h.label == NEW_LABEL]
    return held.fingerprint
