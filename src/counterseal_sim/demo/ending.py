"""Chapters 8 to 10: the new certificate at work, a message that comes late, and what remains."""

from counterseal_sim.demo import papers
from counterseal_sim.demo.evidence import Trip, check_inbox, check_trip, settled, tell_trip
from counterseal_sim.demo.narration import short
from counterseal_sim.demo.papers import Paper
from counterseal_sim.demo.renewal import SENT_PAGE
from counterseal_sim.demo.scene import Scene
from counterseal_sim.demo.setting_up import Firm, with_partner


def trade_on(scene: Scene) -> None:
    """Chapter 8: the next document in each direction."""
    narrator = scene.narrator
    narrator.step("The next documents use the new certificate, in both directions")
    now = scene.now()
    order = papers.orders(4713, now)
    trip = scene.follow(scene.queue(order, by=scene.alpha, to=scene.bravo), by=scene.alpha)
    _told(scene, trip, order, b"UNH+1+ORDERS")
    narrator.check(
        f"Alpha signed with the new one ({short(scene.alpha_new)}), and Bravo verified it",
        trip.signer == trip.sent.message["signer"] == scene.alpha_new,
        trip.signer,
    )
    answer = papers.order_response(4711, now)
    back = scene.follow(scene.queue(answer, by=scene.bravo, to=scene.alpha), by=scene.bravo)
    _told(scene, back, answer, b"UNH+1+ORDRSP")
    narrator.check(
        f"Bravo encrypted to the new one ({short(scene.alpha_new)}), and Alpha opened it with the new key",
        back.recipient == back.sent.message["recipient"] == scene.alpha_new,
        back.recipient,
    )
    narrator.check(
        "Alpha signed its receipt for it with the new one too",
        back.sent.receipt["signer"] == scene.alpha_new,
        back.sent.receipt,
    )


def deliver_late(scene: Scene, document_id: str, paper: Paper) -> None:
    """Chapter 9: what was held back since before the change."""
    narrator = scene.narrator
    narrator.step("Now the network delivers the late acknowledgement, encrypted to the certificate of yesterday")
    scene.to_alpha.let_go()
    trip = scene.follow(document_id, by=scene.bravo)
    _told(scene, trip, paper, b"BAK*00*AD")
    narrator.check(
        f"It was opened with the old key ({short(scene.alpha_old)}): nothing that was under way is lost",
        trip.recipient == trip.sent.message["recipient"] == scene.alpha_old and len(trip.sent.transfers) == 1,
        (trip.recipient, trip.sent.transfers),
    )


def _told(scene: Scene, trip: Trip, paper: Paper, plain: bytes) -> None:
    tell_trip(scene.narrator, trip)
    receiver = scene.bravo if trip.sent.document["community"] == "alpha" else scene.alpha
    check_trip(scene.narrator, trip, claim=f"{paper.file_name} is delivered and its receipt proves it", plain=plain)
    check_inbox(receiver, paper)


def close(scene: Scene) -> None:
    """Chapter 10: what the record says, and the wire is taken out."""
    narrator = scene.narrator
    narrator.step("What remains")
    page = scene.alpha_console.open(SENT_PAGE)
    narrator.check(
        "Alpha's Sent page says In use: Bravo's own messages show the new certificate", page.says("In use"), page.text
    )
    for gateway in (scene.alpha, scene.bravo):
        chain = gateway.get("/audit/verification")
        narrator.check(
            f"The audit trail of {gateway.name} holds: {chain['entries']} entries, unbroken",
            chain["entries"] > 0,
            chain,
        )
    scene.both(lambda firm: _connect_directly(firm, scene.partner_of(firm)))
    states = {
        (a["certificate"], a["state"])
        for a in scene.alpha.get("/communities/alpha/agreements/bravo")["assignments"]
        if a["side"] == "ours"
    }
    narrator.check(
        "The configuration files, which still name the first certificates, are applied again with the partners' own addresses: a "
        "rollover is not turned back by that",
        states == {(scene.alpha_new, "active"), (scene.alpha_old, "retiring")},
        states,
    )
    last = papers.orders(4714, scene.now())
    story = settled(scene.alpha, scene.queue(last, by=scene.alpha, to=scene.bravo))
    check_inbox(scene.bravo, last)
    narrator.check(
        "One more order goes straight from gateway to gateway, past the wire of this demo, and is delivered",
        story.document["state"] == "delivered" and scene.to_bravo.find(story.message["wire_id"]) is None,
        story.document,
    )


def _connect_directly(firm: Firm, partner: Firm) -> None:
    """Applies the configuration again, with the gateways' own addresses instead of the wire's."""
    own, theirs = _direct(firm.gateway.public_port), _direct(partner.gateway.public_port)
    firm.file.write_text(with_partner(firm, partner, own_url=own, partner_url=theirs), encoding="utf-8")
    firm.gateway.run("apply", str(firm.file))


def _direct(port: int) -> str:
    return f"http://127.0.0.1:{port}/as2"
