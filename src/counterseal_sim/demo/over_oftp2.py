"""Chapters 12 to 15, the second half: a file over OFTP2 with TLS, cut in the middle, resumed, and proved by a signed receipt."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from counterseal_sim.demo import papers
from counterseal_sim.demo.evidence import check_inbox, settled, sha256
from counterseal_sim.demo.gateway import Gateway, Story
from counterseal_sim.demo.line import Call
from counterseal_sim.demo.narration import StepFailed, short, wait_for
from counterseal_sim.demo.papers import Paper
from counterseal_sim.demo.scene import Scene
from counterseal_sim.demo.setting_up import OFTP2_LABEL, Firm, own_oftp2_part, with_oftp2_partner

CUT_AFTER: Final = 3_000_000
READY: Final = b"ODETTE FTP READY"
"""What a responder says first (RFC 5024 5.3.1): on a plain line it could be read."""
LAYERS: Final = ("encrypted", "compressed", "signed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The file, once it has left, and the certificates of both sides."""

    paper: Paper
    document_id: str
    alpha: str
    """Fingerprint."""
    bravo: str
    """Fingerprint."""


def trade_over_oftp2(scene: Scene) -> str:
    """All chapters. The fingerprint of the certificate that Alpha uses over OFTP2."""
    alpha, bravo = _connect(scene)
    sent = _send(scene, alpha, bravo)
    first = _see_it_break(scene, sent)
    _see_it_resumed(scene, sent, first)
    return alpha


def _connect(scene: Scene) -> tuple[str, str]:
    """Chapter 12: stations, certificates and an agreement for OFTP2. The fingerprints of both sides."""
    narrator = scene.narrator
    narrator.step("The second half: the same two firms also speak OFTP2 (RFC 5024), through listeners with TLS")
    narrator.say(
        "Car makers send drawings and orders by it. Each firm adds a station with its Odette code and one certificate, which its "
        "listener presents too; each has both passwords of the agreement. A relay on loopback stands for the network."
    )
    passwords = {slug: secrets.token_hex(4).upper() for slug in ("alpha", "bravo")}
    ports = {"alpha": scene.alpha.oftp2_port, "bravo": scene.line.port}
    scene.both(_make_certificate)
    scene.both(lambda firm: _agree(firm, scene.partner_of(firm), ports, passwords))
    found = {gateway.slug: _presented(gateway) for gateway in (scene.alpha, scene.bravo)}
    for firm in (scene.alpha_firm, scene.bravo_firm):
        gateway = firm.gateway
        narrator.saw(f"{gateway.name:13} code {firm.code}  listens at {gateway.addresses['oftp2 listener']}")
        narrator.saw(f"{'':13} its listener presents {short(found[gateway.slug])}")
    narrator.check(
        "Each listener presents the certificate that was just made, without a restart",
        all(found.values()) and len(set(found.values())) == 2,
        found,
    )
    return found["alpha"], found["bravo"]


def _make_certificate(firm: Firm) -> None:
    firm.oftp2_file.write_text(own_oftp2_part(firm), encoding="utf-8")
    firm.gateway.run("apply", str(firm.oftp2_file))
    firm.oftp2_pem.write_text(firm.gateway.run("certificate", "show", OFTP2_LABEL, "--pem"), encoding="ascii")
    firm.gateway.run("listener", "certificate", OFTP2_LABEL)


def _agree(firm: Firm, partner: Firm, ports: dict[str, int], passwords: dict[str, str]) -> None:
    text = with_oftp2_partner(firm, partner, port=ports[partner.gateway.slug], passwords=passwords)
    firm.oftp2_file.write_text(text, encoding="utf-8")
    firm.gateway.run("apply", str(firm.oftp2_file))


def _presented(gateway: Gateway) -> str:
    """By its listener: a fingerprint."""
    rows = gateway.get("/listeners")["items"]
    return next((str(row["certificate"]) for row in rows if row["id"] == "oftp2-tls"), "")


def _send(scene: Scene, alpha: str, bravo: str) -> Sent:
    """Chapter 13."""
    narrator = scene.narrator
    paper = papers.drawing(77, scene.now())
    narrator.step(f"Alpha sends a drawing of {len(paper.content):,} octets to Bravo, and the line breaks in the middle")
    narrator.say(
        f"File {paper.file_name}, SHA-256 {short(sha256(paper.content))}: to be signed, compressed, encrypted, and "
        f"answered with a signed EERP. The relay will cut both sides off after {CUT_AFTER:,} octets."
    )
    scene.line.break_once_after(CUT_AFTER)
    document_id = scene.queue(paper, by=scene.alpha, to=scene.bravo, agreement=scene.bravo_firm.code)
    return Sent(paper=paper, document_id=document_id, alpha=alpha, bravo=bravo)


def _see_it_break(scene: Scene, sent: Sent) -> dict[str, Any]:
    """The transfer that failed."""
    narrator = scene.narrator
    session = wait_for("Alpha's first session ends", lambda: _session(scene.alpha, 0))
    call = scene.line.calls[0]
    broken = wait_for("Alpha records the attempt", lambda: _transfers(scene.alpha, sent, 1))[0]
    narrator.saw(f"TCP       {len(call.there):,} octets to Bravo, {len(call.back):,} back, then cut")
    narrator.saw(f"TLS       {session['tls']}")
    narrator.saw(f"session   {session['outcome']}: {session['detail']}")
    narrator.saw(f"transfer  {broken['detail']}")
    narrator.check(
        "The line was cut in the middle of the file, and the file was not lost: it is to be sent again",
        call.cut and len(call.there) == CUT_AFTER and session["outcome"] == "broken" and broken["outcome"] == "failed",
        (call.cut, len(call.there), session, broken),
    )
    _check_secrecy(scene, call, session)
    return broken


def _check_secrecy(scene: Scene, call: Call, session: dict[str, Any]) -> None:
    code = scene.alpha_firm.code.encode("ascii")
    scene.narrator.check(
        "Nothing of it could be read on the line: neither greeting nor code nor drawing, only TLS 1.3",
        call.tls and session["tls"].startswith("TLSv1.3") and not any(map(call.shows, (READY, code, b"ISO-10303-21"))),
        (bytes(call.there[:32]), bytes(call.back[:32]), session["tls"]),
    )
    scene.narrator.check(
        "Both sides had proved their keys to each other before the first file (SECD, AUCH, AURP)",
        session["authenticated"] is True,
        session,
    )


def _see_it_resumed(scene: Scene, sent: Sent, broken: dict[str, Any]) -> None:
    """Chapters 14 and 15."""
    narrator = scene.narrator
    narrator.step("Alpha calls again by itself, and the file goes on where it stopped")
    story = settled(scene.alpha, sent.document_id)
    file = story.only("oftp2-file")
    resumed = _from_octet(story)
    session = wait_for("the session that resumed it ends", lambda: _session(scene.alpha, 1))
    narrator.saw(
        f"call 2    {len(scene.line.calls[1].there):,} octets to Bravo; the secured file has {file['wire_size']:,}"
    )
    narrator.saw(f"resumed   at octet {resumed:,}; {session['octets_sent']:,} octets of the file went in this session")
    narrator.check(
        "The second session sent only what was missing: both add up to the file, octet for octet the same ciphertext",
        0 < resumed < file["wire_size"]
        and session["octets_sent"] == file["wire_size"] - resumed
        and len(scene.line.calls[1].there) < file["wire_size"]
        and len(scene.line.calls) == 2,
        (resumed, session, broken, file["wire_size"], len(scene.line.calls)),
    )
    narrator.check("That session ended in good order", session["outcome"] == "clean", session)
    _see_receipt(scene, sent, story)


def _see_receipt(scene: Scene, sent: Sent, story: Story) -> None:
    """Chapter 15: what arrived, and the proof of it."""
    narrator = scene.narrator
    narrator.step("Bravo has it once and whole, and its signed receipt says so")
    receipt, file = story.only("eerp"), story.only("oftp2-file")
    check_inbox(scene.bravo, sent.paper)
    came = [row for row in _documents(scene.bravo) if row["digest"] == sha256(sent.paper.content)]
    if len(came) != 1:
        raise StepFailed(f"Bravo should have the drawing once, it has it {len(came)} times")
    taken = scene.bravo.story(came[0]["id"]).only("oftp2-file")
    narrator.saw(f"layers    {'; inside: '.join(taken['layers'])}")
    narrator.saw(f"keys      signed with {short(taken['signer'])}, encrypted to {short(taken['recipient'])}")
    narrator.saw(f"EERP      signed with {short(receipt['signer'])}")
    narrator.saw(f"hash      {receipt['mic']}")
    told: list[tuple[str, Callable[[], bool]]] = [
        ("It lies in Bravo's inbox once, octet for octet", lambda: came[0]["state"] == "delivered"),
        (
            "It came encrypted, compressed and signed, opened with Bravo's key and verified with Alpha's certificate",
            lambda: (
                tuple(layer.split()[0] for layer in taken["layers"]) == LAYERS
                and (taken["signer"], taken["recipient"]) == (sent.alpha, sent.bravo)
            ),
        ),
        (
            "Alpha has the EERP, signed with Bravo's certificate over the hash of exactly this file: delivered",
            lambda: (
                story.document["state"] == "delivered"
                and receipt["signer"] == sent.bravo
                and bool(receipt["mic"])
                and receipt["mic"] == file["mic"] == taken["mic"]
            ),
        ),
    ]
    for claim, holds in told:
        narrator.check(claim, holds=holds(), seen=(story.document, taken, receipt))


def _documents(gateway: Gateway) -> list[dict[str, Any]]:
    """Those that came, newest first."""
    return list(gateway.get("/documents", direction="in")["items"])


def _session(gateway: Gateway, number: int) -> dict[str, Any] | None:
    """The session of this number in time, once it is over."""
    rows = sorted(gateway.get("/oftp2/sessions", community=gateway.slug)["items"], key=lambda row: row["started_at"])
    return rows[number] if len(rows) > number and rows[number]["ended_at"] else None


def _transfers(gateway: Gateway, sent: Sent, least: int) -> list[dict[str, Any]] | None:
    found = gateway.story(sent.document_id).transfers
    return found if len(found) >= least else None


def _from_octet(story: Story) -> int:
    """Where the transfer that succeeded began; 0 where none says so."""
    for transfer in story.transfers:
        words = transfer["detail"].split("from octet ")
        if len(words) == 2 and transfer["outcome"] == "ok":
            return int(words[1].split()[0].replace(",", ""))
    return 0
