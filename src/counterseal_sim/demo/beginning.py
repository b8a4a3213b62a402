"""Chapters 1 to 3: two gateways come up, learn of each other, and exchange orders with the certificates of today."""

import secrets

from counterseal_sim.demo import papers
from counterseal_sim.demo.console import Console
from counterseal_sim.demo.evidence import check_inbox, check_trip, sha256, tell_trip
from counterseal_sim.demo.gateway import Gateway
from counterseal_sim.demo.narration import StepFailed, short
from counterseal_sim.demo.scene import ADMINISTRATOR, Scene
from counterseal_sim.demo.setting_up import FIRST_LABEL, Firm, own_part, with_partner


def start_gateways(scene: Scene) -> None:
    """Chapter 1."""
    narrator = scene.narrator
    narrator.step("Two gateways start, each a process of its own with its own data directory")
    scene.alpha.start()
    scene.bravo.start()
    for gateway, console in ((scene.alpha, scene.alpha_console), (scene.bravo, scene.bravo_console)):
        gateway.wait_until_up()
        narrator.saw(
            f"{gateway.name}: process {gateway.pid}, AS2 at {gateway.addresses['public listener']}, "
            f"console at {gateway.addresses['private listener']}"
        )
        _sign_in(gateway, console)
    narrator.check(
        "There is no default password: each first start printed a one-time link, and by it the first administrator came in",
        holds=all("first administrator" in g.addresses for g in (scene.alpha, scene.bravo)),
    )


def _sign_in(gateway: Gateway, console: Console) -> None:
    """By the one-time link of the first start, with a password that nobody sees."""
    page = console.open(gateway.addresses["first administrator"])
    welcome = console.submit(
        page, "password", name=ADMINISTRATOR, full_name="Dana Demo", password=secrets.token_urlsafe(24)
    )
    if welcome.status != 200 or welcome.path.startswith("/once"):
        raise StepFailed(f"signing in at {gateway.name}: {welcome.status} {welcome.text[:300]}")
    again = Console(gateway.private_port).open(gateway.addresses["first administrator"])
    if again.status != 410:
        raise StepFailed(f"the one-time link of {gateway.name} opened twice: {again.status}")


def introduce(scene: Scene) -> None:
    """Chapter 2."""
    narrator = scene.narrator
    narrator.step("They learn of each other: configuration files, and the first certificates as PEM files, by hand")
    narrator.say(
        "The first exchange of certificates is always by hand: no gateway can trust what it has no reason to trust. Every later "
        "one is what this demo is about."
    )
    scene.both(_make_certificate)
    scene.both(lambda firm: _agree(firm, scene.partner_of(firm)))
    scene.alpha_old, scene.bravo_first = (_only_own(gateway) for gateway in (scene.alpha, scene.bravo))
    narrator.saw(f"Alpha Arrows  AS2 name ALPHA  certificate {short(scene.alpha_old)}")
    narrator.saw(f"Bravo Bows    AS2 name BRAVO  certificate {short(scene.bravo_first)}")
    for gateway, partner, ours, theirs in (
        (scene.alpha, scene.bravo, scene.alpha_old, scene.bravo_first),
        (scene.bravo, scene.alpha, scene.bravo_first, scene.alpha_old),
    ):
        agreement = gateway.get(f"/communities/{gateway.slug}/agreements/{partner.slug}")
        active = {(a["side"], a["usage"], a["certificate"]) for a in agreement["assignments"] if a["state"] == "active"}
        wanted = {(s, u, f) for s, f in (("ours", ours), ("theirs", theirs)) for u in ("sign", "encrypt")}
        narrator.check(
            f"{gateway.name} signs and decrypts with its own certificate, verifies and encrypts with the one of its partner",
            wanted <= active,
            active,
        )


def _make_certificate(firm: Firm) -> None:
    firm.file.write_text(own_part(firm, firm.url), encoding="utf-8")
    firm.gateway.run("apply", str(firm.file))
    firm.pem.write_text(firm.gateway.run("certificate", "show", FIRST_LABEL, "--pem"), encoding="ascii")


def _agree(firm: Firm, partner: Firm) -> None:
    firm.file.write_text(with_partner(firm, partner, own_url=firm.url, partner_url=partner.url), encoding="utf-8")
    firm.gateway.run("apply", str(firm.file))


def _only_own(gateway: Gateway) -> str:
    """Fingerprint of the one certificate that is its own."""
    rows = gateway.get(f"/communities/{gateway.slug}/certificates", side="ours")["items"]
    return str(rows[0]["fingerprint"])


def exchange_orders(scene: Scene) -> None:
    """Chapter 3."""
    narrator = scene.narrator
    narrator.step("Alpha sends two orders to Bravo over AS2: signed, encrypted, with a signed synchronous receipt")
    now = scene.now()
    for paper, what, plain in (
        (papers.orders(4711, now), "An EDIFACT ORDERS (D.96A)", b"UNH+1+ORDERS"),
        (papers.purchase_order(4712, now), "An X12 850", b"BEG*00*SA*PO-4712"),
    ):
        trip = scene.follow(scene.queue(paper, by=scene.alpha, to=scene.bravo), by=scene.alpha)
        narrator.say(
            f"{what}, {len(paper.content)} octets, SHA-256 {short(sha256(paper.content))}, file {paper.file_name}"
        )
        tell_trip(narrator, trip)
        check_trip(narrator, trip, claim="Delivered: the MIC in Bravo's receipt is the one Alpha computed", plain=plain)
        check_inbox(scene.bravo, paper)
        narrator.check(
            "It lies in Bravo's inbox octet for octet, signed with Alpha's certificate of today and encrypted to Bravo's",
            (trip.signer, trip.recipient) == (scene.alpha_old, scene.bravo_first),
            (trip.signer, trip.recipient),
        )
