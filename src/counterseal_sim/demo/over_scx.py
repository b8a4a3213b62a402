"""Chapters 16 and 17, the third part: one Finish over CEM and SCX, and the answers over both."""

from datetime import timedelta
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from counterseal_sim.demo.gateway import Gateway
from counterseal_sim.demo.narration import StepFailed, short, wait_for
from counterseal_sim.demo.scene import Scene
from counterseal_sim.demo.setting_up import TIME_ZONE

WITHIN: Final = 30.0
"""Seconds for a file, its decision and its receipt; two sessions at most."""


def exchange_certificates(scene: Scene, old: str) -> None:
    """All chapters; ``old`` is the certificate that Alpha uses over OFTP2."""
    number, new = _finish(scene, old)
    _decide_both(scene, number, new)


def _finish(scene: Scene, old: str) -> tuple[int, str]:
    """Chapter 16: the wizard, with a partner line of each protocol. Number of the trust request, and the new certificate."""
    narrator, console = scene.narrator, scene.alpha_console
    narrator.step("The third part: one Finish tells Bravo's AS2 station by CEM and its OFTP2 station by SCX Deliver")
    agreements = {code: _agreement(scene.alpha, code)["id"] for code in ("BRAVO", scene.bravo_firm.code)}
    fill = console.submit(console.open("/c/alpha/wizard"), "source", source="generate", renews=old)
    details = console.submit(fill, "common_name", key="rsa-3072")
    day = (scene.now() + timedelta(days=14)).astimezone(ZoneInfo(TIME_ZONE)).strftime("%Y-%m-%d")
    chosen: dict[str, Any] = {
        "use": ("signing", "encryption"),
        "send": "1",
        "cem": agreements["BRAVO"],
        "scx": agreements[scene.bravo_firm.code],
        "scx_type": "deliver",
        "respond_by_date": day,
        "respond_by_time": "17:00",
        "time_zone": TIME_ZONE,
        "do": "finish",
    }
    sent = console.submit(details, "do", **chosen)
    request = _newest(scene)
    told = {(e["channel"], e["scx_type"]) for e in request["exchanges"]}
    narrator.saw(f"new certificate  {short(request['certificate'])}, in place of {short(old)}")
    narrator.check(
        f"One trust request with two exchanges, one by CEM and one by SCX Deliver, and one respond-by date ({day} 17:00)",
        sent.status == 200
        and sent.path == f"/c/alpha/sent/{request['number']}"
        and told == {("cem", ""), ("scx", "deliver")}
        and request["certificate"] != old,
        (sent.status, sent.path, sent.text[:900], request),
    )
    return int(request["number"]), str(request["certificate"])


def _decide_both(scene: Scene, number: int, new: str) -> None:
    """Chapter 17: a person at Bravo accepts both, the EERP and the CEM response come."""
    narrator, console = scene.narrator, scene.bravo_console
    narrator.step("Bravo decides on both; the CEM response and the EERP are the answers")
    for channel in ("cem", "scx"):
        offer = wait_for(f"Bravo has the {channel} offer", partial(_offer, scene, channel, new), within=WITHIN)
        (offered,) = offer["certificates"]
        for finding in offered["findings"]:
            if finding["severity"] != "passed":
                narrator.saw(f"{channel} {finding['severity']:8} {finding['text']}")
        page = console.open(f"/c/bravo/received/{offer['id']}")
        decided = console.submit(page, "decision", decision="accept")
        narrator.check(
            f"A person at Bravo accepts what came by {channel.upper()}: it is the certificate that Alpha made",
            decided.says("1 certificate accepted") and offered["certificate"] == new,
            (decided.text[:900], offered),
        )
    exchanges = wait_for("both exchanges are accepted", lambda: _accepted(scene, number), within=WITHIN)
    for exchange in exchanges:
        narrator.saw(f"{exchange['channel']:9} {exchange['state']}, answered by {exchange['answered_by']}")
    over_oftp2 = next(e for e in exchanges if e["channel"] == "scx")
    story = scene.alpha.story(over_oftp2["document"])
    receipt = story.only("eerp")
    narrator.saw(f"SCX file  {story.document['subject']}, {story.document['size']} octets")
    narrator.saw(f"EERP      for {receipt['refers_to'] or 'the file'}")
    narrator.check(
        "What went over OFTP2 is the certificate itself, and the EERP for that file is the yes",
        story.document["kind"] == "scx" and story.document["digest"] == new and len(story.messages) == 2,
        (story.document, story.messages),
    )
    page = scene.alpha_console.open(f"/c/alpha/sent/{number}")
    narrator.check(
        "Alpha's Sent page says Complete, with both lines Accepted by answers from the wire",
        page.text.count("Accepted") >= 2
        and page.says("Complete")
        and all(exchange["answered_by"] == "wire" for exchange in exchanges),
        (page.text[:900], exchanges),
    )


def _accepted(scene: Scene, number: int) -> list[dict[str, Any]] | None:
    request = next(r for r in _requests(scene) if r["number"] == number)
    return request["exchanges"] if all(e["state"] == "accepted" for e in request["exchanges"]) else None


def _offer(scene: Scene, channel: str, fingerprint: str) -> dict[str, Any] | None:
    """What Bravo received with this certificate over this protocol."""
    rows = scene.bravo.get("/communities/bravo/received")["items"]
    for row in rows:
        if row["channel"] == channel and any(c["certificate"] == fingerprint for c in row["certificates"]):
            return dict(row)
    return None


def _newest(scene: Scene) -> dict[str, Any]:
    return max(_requests(scene), key=lambda r: int(r["number"]))


def _requests(scene: Scene) -> list[dict[str, Any]]:
    return list(scene.alpha.get("/communities/alpha/trust-requests")["items"])


def _agreement(gateway: Gateway, identity: str) -> dict[str, Any]:
    """Of a firm with the partner of this identity. Raises ``StepFailed``."""
    found = gateway.get(f"/communities/{gateway.slug}/agreements/{identity}")
    if not found.get("id"):
        raise StepFailed(f"{gateway.name} has no agreement with {identity}")
    return dict(found)
