"""Chapters 4 to 7: the wizard, the CEM request, the decision at the other side, and the answer."""

from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from counterseal_sim.demo import papers
from counterseal_sim.demo.console import Page
from counterseal_sim.demo.evidence import Trip, check_trip, follow, tell_trip
from counterseal_sim.demo.narration import StepFailed, short, wait_for
from counterseal_sim.demo.papers import Paper
from counterseal_sim.demo.scene import Scene
from counterseal_sim.demo.setting_up import TIME_ZONE

SENT_PAGE: Final = "/c/alpha/sent/1"


def renew(scene: Scene) -> None:
    """Chapter 4: three pages of the wizard, and Finish."""
    narrator, console = scene.narrator, scene.alpha_console
    narrator.step("Alpha renews its certificate with the wizard of its console, page by page")
    agreement = scene.alpha.get("/communities/alpha/agreements/bravo")["id"]
    choose = console.open("/c/alpha/wizard")
    fill = console.submit(choose, "source", source="generate", renews=scene.alpha_old)
    narrator.say("Choose: generate a self-signed one, which takes the place of the one that ends soon.")
    _require(fill, "/fill")
    named = dict(fill.form("common_name").fields)
    narrator.check(
        f"Fill in: the page starts with the names of the old one ({named.get('common_name')})",
        named.get("common_name") == "Alpha Arrows EDI" and named.get("organisation") == "Alpha Arrows",
        named,
    )
    details = console.submit(fill, "common_name", key="rsa-4096")
    _require(details, "/details")
    zone = ZoneInfo(TIME_ZONE)
    late = {"respond_by_date": (scene.now() - timedelta(days=1)).astimezone(zone).strftime("%Y-%m-%d")}
    chosen: dict[str, Any] = {
        "use": ("signing", "encryption"),
        "send": "1",
        "cem": agreement,
        "respond_by_time": "17:00",
        "time_zone": TIME_ZONE,
        "do": "finish",
    }
    refused = console.submit(details, "do", **(chosen | late))
    narrator.check(
        "A respond-by date of yesterday is refused at its field; nothing is stored and nothing is sent",
        refused.status == 422 and refused.says("in the past") and not _requests(scene) and len(_ours(scene)) == 1,
        refused.text[:400],
    )
    day = (scene.now() + timedelta(days=14)).astimezone(zone).strftime("%Y-%m-%d")
    narrator.say(
        f"View certificate details: for signing and encryption, tell Bravo Bows by CEM, respond by {day} 17:00 {TIME_ZONE}. Finish."
    )
    sent = console.submit(refused, "do", **(chosen | {"respond_by_date": day}))
    narrator.check(
        "Finish answers with the page of trust request 1", sent.path == SENT_PAGE and sent.status == 200, sent.path
    )
    scene.alpha_new = _requests(scene)[0]["certificate"]
    record = scene.alpha.get(f"/communities/alpha/certificates/{scene.alpha_new}")
    narrator.saw(
        f"new certificate  {short(scene.alpha_new)}  {record['key_algorithm']} {record['key_bits']}, {record['subject']}"
    )
    narrator.check(
        "It is staged at Alpha: its key can already decrypt, nothing is signed with it yet",
        record["has_key"] and {a["state"] for a in record["assignments"]} == {"staged"},
        record["assignments"],
    )


def watch_request(scene: Scene) -> Trip:
    """Chapter 5: the request on its way."""
    narrator = scene.narrator
    narrator.step("The CEM request travels over the same AS2 connection as the orders")
    document_id = wait_for("the CEM request is queued", lambda: _requests(scene)[0]["exchanges"][0]["document"] or None)
    trip = follow(scene.alpha, scene.bravo, scene.to_bravo, document_id)
    narrator.saw(f"content   {trip.sent.document['content_type']}")
    tell_trip(narrator, trip)
    check_trip(
        narrator,
        trip,
        claim="Delivered, and the MIC is equal: the request has its transport receipt, which is not yet an answer",
        plain=b"EDIINTCertificateExchangeRequest",
    )
    narrator.check(
        "Bravo's gateway knows it as a CEM request; it is signed with the certificate that Bravo accepts today, not with the new one",
        trip.received.document["kind"] == "cem-request" and trip.signer == scene.alpha_old,
        (trip.received.document["kind"], trip.signer),
    )
    return trip


def hold_a_message(scene: Scene) -> tuple[str, Paper]:
    """Still chapter 5: Bravo sends something now that will arrive only after the change."""
    narrator = scene.narrator
    narrator.step("Meanwhile Bravo sends an acknowledgement (X12 855), and the network keeps it")
    paper = papers.acknowledgement(4712, scene.now())
    scene.to_alpha.hold_back(paper.subject)
    document_id = scene.queue(paper, by=scene.bravo, to=scene.alpha)
    wait_for("the message leaves Bravo", lambda: scene.to_alpha.holds() or None)
    story = scene.bravo.story(document_id)
    message = story.message
    narrator.saw(f"Message-ID <{message['wire_id']}>, encrypted to {short(message['recipient'])}")
    narrator.check(
        "It has left Bravo, encrypted to Alpha's old certificate, and Alpha has not seen it",
        story.document["state"] == "sending"
        and message["recipient"] == scene.alpha_old
        and not scene.alpha.get("/documents", direction="in", search=message["wire_id"])["items"],
        story.document,
    )
    return document_id, paper


def decide(scene: Scene) -> None:
    """Chapter 6: what Bravo's person sees, and the decision."""
    narrator, console = scene.narrator, scene.bravo_console
    narrator.step("Bravo's Received page shows the request with what the checks found")
    listed = console.open("/c/bravo/received")
    narrator.check(
        "The list has one request, from Alpha Arrows, that needs a decision",
        listed.says("Alpha Arrows") and listed.says("Needs a decision"),
        listed.text[:400],
    )
    (offer,) = scene.bravo.get("/communities/bravo/received")["items"]
    (offered,) = offer["certificates"]
    page = console.open(f"/c/bravo/received/{offer['id']}")
    for finding in offered["findings"]:
        narrator.saw(f"{finding['severity']:8} {finding['text']}")
    narrator.check(
        f"The page shows old and new side by side and all {len(offered['findings'])} findings; none of them is a refusal",
        page.says("Old and new, side by side")
        and page.says("Can be accepted")
        and len(offered["findings"]) > 3
        and all(page.says(f["text"]) and f["severity"] != "refusal" for f in offered["findings"]),
        page.text[:600],
    )
    narrator.check(
        f"The certificate offered is the one Alpha made, for {' and '.join(offered['usages'])}, to be answered by {offer['respond_by']}",
        offered["certificate"] == scene.alpha_new and set(offered["usages"]) == {"sign", "encrypt"},
        offered,
    )
    decided = console.submit(page, "decision", decision="accept")
    narrator.check(
        "A person at Bravo presses Accept: the answer is on its way",
        decided.says("1 certificate accepted") and decided.says("The answer is on its way to Alpha Arrows"),
        decided.text[:400],
    )


def hear_answer(scene: Scene) -> None:
    """Chapter 7: the response, and what it changes."""
    narrator = scene.narrator
    narrator.step("Bravo's CEM response arrives, and Alpha changes over for this partner by itself")

    def response() -> str | None:
        rows = scene.bravo.get("/documents", direction="out", kind="cem-response")["items"]
        return str(rows[0]["id"]) if rows else None

    trip = scene.follow(wait_for("Bravo queues its response", response), by=scene.bravo)
    tell_trip(narrator, trip)
    check_trip(
        narrator,
        trip,
        claim="Delivered: Alpha's gateway has the response, signed by Bravo",
        plain=b"EDIINTCertificateExchangeResponse",
    )
    (exchange,) = _requests(scene)[0]["exchanges"]
    narrator.check(
        "Trust request 1 is complete: its one exchange is accepted, by an answer from the wire",
        _requests(scene)[0]["state"] == "complete"
        and (exchange["state"], exchange["answered_by"]) == ("accepted", "wire"),
        exchange,
    )
    page = scene.alpha_console.open(SENT_PAGE)
    narrator.check(
        "Alpha's Sent page says Complete, and Accepted on Bravo's line",
        page.says("Complete") and page.says("Bravo Bows") and page.says("Accepted"),
        page.text[:400],
    )
    states = _states(scene)
    narrator.saw(f"new {short(scene.alpha_new)}  {', '.join(states[scene.alpha_new])}")
    narrator.saw(f"old {short(scene.alpha_old)}  {', '.join(states[scene.alpha_old])}")
    narrator.check(
        "For Bravo the new certificate is active, the old one retiring: it still decrypts, it signs no more",
        states == {scene.alpha_new: {"active"}, scene.alpha_old: {"retiring"}},
        states,
    )


def _states(scene: Scene) -> dict[str, set[str]]:
    """Of Alpha's own certificates towards Bravo."""
    found: dict[str, set[str]] = {}
    for assignment in scene.alpha.get("/communities/alpha/agreements/bravo")["assignments"]:
        if assignment["side"] == "ours":
            found.setdefault(assignment["certificate"], set()).add(assignment["state"])
    return found


def _requests(scene: Scene) -> list[dict[str, Any]]:
    return list(scene.alpha.get("/communities/alpha/trust-requests")["items"])


def _ours(scene: Scene) -> list[dict[str, Any]]:
    rows = scene.alpha.get("/communities/alpha/certificates")["items"]
    return [row for row in rows if row["side"] == "ours"]


def _require(page: Page, ending: str) -> None:
    if page.status != 200 or not page.path.endswith(ending):
        raise StepFailed(f"the wizard should be at {ending}, it is at {page.path} ({page.status}): {page.text[:400]}")
