"""The start of a session: who the other side is, and that both prove their keys where that was agreed (RFC 5024 §4.2)."""

from counterseal.domain.usage import Side, Usage
from counterseal.engine.oftp2.line import Line
from counterseal.engine.oftp2.node import Stranger, identify, same_password
from counterseal.engine.relationship import decrypters_of
from counterseal.engine.translate import oftp2 as translate
from counterseal.kernel.errors import PeerFault
from counterseal.kernel.finding import Severity
from counterseal.protocols.cms import CMSFault
from counterseal.protocols.oftp2.authentication import build_challenge, open_challenge
from counterseal.protocols.oftp2.commands import SSID
from counterseal.protocols.oftp2.events import ChallengeReceived, ChallengeWanted, PartnerIdentified
from counterseal.protocols.oftp2.reasons import ESIDReason


def on_identified(line: Line, event: PartnerIdentified) -> None:
    """The peer's SSID."""
    if line.we_called:
        _judge_answer(line, event.ssid)
        return
    with line.ports.store.read() as reader:
        found = identify(line.ports, reader, event.ssid, line.link)
    if isinstance(found, Stranger):
        refuse(line, found)
        return
    line.node = found
    line.session.use_settings(translate.settings_of(found.terms))
    offer = translate.offer_of(found.terms, code=found.our_code, password=found.our_password)
    line.say(line.session.accept_partner(line.now(), offer=offer))


def _judge_answer(line: Line, ssid: SSID) -> None:
    node = line.known
    if ssid.code != node.partner_code:
        text = f"{node.partner_code} was called, {ssid.code} answered"
        refuse(line, Stranger(reason=ESIDReason.USER_CODE_NOT_KNOWN, text=text))
    elif not same_password(node.their_password, ssid.pswd):
        text = "the password is not the one agreed"
        refuse(line, Stranger(reason=ESIDReason.INVALID_PASSWORD, text=text))
    else:
        line.say(line.session.accept_partner(line.now(), offer=None))


def refuse(line: Line, stranger: Stranger) -> None:
    """Tells the peer with the right ESID, and us with a finding."""
    code = line.session.partner.code if line.session.partner else ""
    line.note("oftp2.partner-refused", Severity.REFUSAL, code, f"{stranger.text[:1].upper()}{stranger.text[1:]}.")
    line.say(line.session.abort(stranger.reason, stranger.text, line.now()))


def on_challenge_wanted(line: Line, _event: ChallengeWanted) -> None:
    """SECD: we challenge with the partner's session certificate (§5.3.17); any suite may carry it, ours is the agreement's."""
    recipient = line.known.primary.producer(Side.THEIRS, Usage.SESSION_AUTH)
    if recipient is None:
        text = "the partner has no active certificate for session-auth here: assign one"
        line.note("oftp2.no-session-certificate", Severity.REFUSAL, line.known.partner_code, text)
        _failed(line)
        return
    challenge = build_challenge(
        suite=translate.suite_of(line.known.terms),
        recipient=recipient.certificate,
        entropy=line.ports.entropy.octets,
    )
    line.say(line.session.send_challenge(line.now(), challenge=challenge.octets, envelope=challenge.envelope))


def on_challenge_received(line: Line, event: ChallengeReceived) -> None:
    """AUCH: staged, active and retiring keys open it."""
    with line.ports.store.read() as reader:
        keys = decrypters_of(line.ports, reader, line.known.primary.acceptors(Side.OURS, Usage.SESSION_AUTH))
    try:
        octets = open_challenge(event.envelope, keys, limits=translate.LIMITS)
    except (PeerFault, CMSFault) as fault:
        line.note("oftp2.challenge-not-opened", Severity.REFUSAL, line.known.partner_code, f"{fault.detail}.")
        _failed(line)
        return
    line.say(line.session.answer_challenge(octets, line.now()))


def _failed(line: Line) -> None:
    reason = ESIDReason.INVALID_CHALLENGE_RESPONSE
    line.say(line.session.abort(reason, "secure authentication is not possible", line.now()))
