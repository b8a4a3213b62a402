"""The certificate wizard between its pages: one sealed draft per run, its owner's alone.

What a person fills in, and the private key that was made or read for it, lie in a vault record (purpose ``draft:<id>``) and
nowhere else: no certificate, key or assignment exists before Finish. Finish, Cancel and twenty-four hours wipe the row.

    start -> choose -> fill or import_file -> decide -> finish (trust_requests) or cancel
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.draft import LIFETIME, Draft
from counterseal.domain.people import Actor, Permission
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.usage import GROUPS, AssignmentState, Side, Usage, UsageGroup
from counterseal.domain.wizard import PURPOSE_CHOICES, CertificateFields, CertificateWish, FieldError, check_fields
from counterseal.engine import trust_requests
from counterseal.engine.draft_record import Choices, Content, Source, from_record, to_record
from counterseal.engine.field_errors import FieldErrors
from counterseal.engine.ports import CertificateForm, NotFound, Ports, Reader, UnreadableKeyFile, WrongPassword
from counterseal.kernel.clock import zone
from counterseal.kernel.ids import CommunityId, DraftId, Fingerprint
from counterseal.kernel.x509 import KeyUsageBit

RESPOND_WITHIN: Final = timedelta(days=14)
MAX_KEY_FILE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDraft:
    """A draft in its owner's hands."""

    draft: Draft
    content: Content


def start(
    ports: Ports, actor: Actor, community_id: CommunityId, *, source: Source, renews: Fingerprint | None
) -> OpenDraft:
    """A new run; a renewal starts with what the old certificate says. Raises ``NotFound``.

    With ``Source.STORED`` the certificate is there already: ``renews`` names it, and page 3 follows at once.
    """
    actor.require(Permission.CERTIFICATES)
    now = ports.clock.now()
    with ports.store.write() as writer:
        content = _begun(ports, writer, community_id, source, renews)
        draft = Draft(
            id=DraftId(ports.entropy.new_id()),
            community_id=community_id,
            owner=actor.name,
            sealed=b"",
            created_at=now,
            expires_at=now + LIFETIME,
        )
        draft = _sealed(ports, draft, content)
        writer.put(draft)
    return OpenDraft(draft=draft, content=content)


def read(ports: Ports, actor: Actor, draft_id: DraftId) -> OpenDraft:
    """Raises ``NotFound`` for one that was finished, cancelled, has expired or belongs to somebody else."""
    actor.require(Permission.CERTIFICATES)
    with ports.store.read() as reader:
        return _opened(ports, actor, reader, draft_id)


def choose(ports: Ports, actor: Actor, draft_id: DraftId, *, source: Source, renews: Fingerprint | None) -> OpenDraft:
    """Page 1 again: another origin or another certificate to renew drops what was made for the former."""
    actor.require(Permission.CERTIFICATES)
    with ports.store.write() as writer:
        found = _opened(ports, actor, writer, draft_id)
        if (found.content.source, found.content.renews) == (source, renews):
            return found
        content = _begun(ports, writer, found.draft.community_id, source, renews)
        draft = _sealed(ports, found.draft, content)
        writer.put(draft)
    return OpenDraft(draft=draft, content=content)


def fill(
    ports: Ports, actor: Actor, draft_id: DraftId, fields: CertificateFields
) -> OpenDraft | tuple[FieldError, ...]:
    """Page 2 for a self-signed one: makes key and certificate, or says what is wrong with which field.

    Fields that were filled in before keep their key: going back and forth makes no new one.
    """
    actor.require(Permission.CERTIFICATES)
    now = ports.clock.now()
    with ports.store.read() as reader:
        found = _opened(ports, actor, reader, draft_id)
        time_zone = reader.community(found.draft.community_id).time_zone
    if found.content.fields == fields and found.content.certificate_der:
        return found
    wish = check_fields(fields, now=now, time_zone=time_zone)
    if not isinstance(wish, CertificateWish):
        return wish
    key = ports.vault.generate(kind=wish.key.kind, bits=wish.key.bits, curve=wish.key.curve)
    made = ports.vault.self_signed(key.sealed, _form(ports, wish))
    return _changed(
        ports,
        actor,
        draft_id,
        lambda c: replace(c, fields=fields, key=key, certificate_der=made, chain_der=(), file_name=""),
    )


def import_file(
    ports: Ports, actor: Actor, draft_id: DraftId, content: bytes, *, password: str | None, file_name: str
) -> OpenDraft | tuple[FieldError, ...]:
    """Page 2 for an import: what is in the file, or why it cannot be read."""
    actor.require(Permission.CERTIFICATES)
    read(ports, actor, draft_id)
    if len(content) > MAX_KEY_FILE_BYTES:
        return (FieldError("file", "The file is larger than 1 MB. Choose the .p12, .pfx or PEM file itself."),)
    try:
        found = ports.vault.read_key_file(content, password=password)
    except WrongPassword:
        text = f"This password does not open {file_name}. Type it again, or ask who made the file."
        return (FieldError("password", text),)
    except UnreadableKeyFile as fault:
        text = f"{fault.detail[:1].upper()}{fault.detail[1:].rstrip('.')}. Choose a .p12, .pfx or PEM file with key and certificate."
        return (FieldError("file", text),)
    return _changed(
        ports,
        actor,
        draft_id,
        lambda c: replace(
            c,
            key=found.key,
            certificate_der=found.certificate_der,
            chain_der=found.chain_der,
            file_name=file_name[:200],
        ),
    )


def decide(ports: Ports, actor: Actor, draft_id: DraftId, choices: Choices) -> OpenDraft:
    """Page 3 as it stands now."""
    actor.require(Permission.CERTIFICATES)
    return _changed(ports, actor, draft_id, lambda c: replace(c, choices=choices))


def finish(
    ports: Ports, actor: Actor, draft_id: DraftId, *, respond_by: datetime | None
) -> TrustRequest | HeldCertificate:
    """Stores key and certificate and queues the messages, or only stores them; the draft goes in the same transaction.
    Raises ``FieldErrors``, after which nothing was stored and nothing is sent."""
    found = read(ports, actor, draft_id)
    content, choices = found.content, found.content.choices
    if choices.send and respond_by is None:
        raise FieldErrors(
            (FieldError("respond_by_date", "No respond-by date is chosen. Take a day in about two weeks."),)
        )
    if content.source is Source.STORED and not choices.send:
        raise FieldErrors((FieldError("partners", "It is stored already. Tick sending, and pick who is told."),))
    order = trust_requests.Start(
        community_id=found.draft.community_id,
        source=_source(content),
        usages=chosen_usages(choices),
        cem=tuple(sorted(choices.cem)) if choices.send else (),
        scx=tuple(sorted(choices.scx)) if choices.send else (),
        scx_type=choices.scx_type,
        respond_by=respond_by or ports.clock.now(),
        time_zone=choices.time_zone,
        draft_id=found.draft.id,
    )
    if choices.send:
        return trust_requests.start(ports, actor, order)
    return trust_requests.store_only(ports, actor, order)


def _source(content: Content) -> trust_requests.StoredCertificate | trust_requests.NewCertificate:
    certificate = content.certificate
    if certificate is None:
        raise FieldErrors(
            (FieldError("certificate", "There is no certificate yet. Go back and fill in the page before."),)
        )
    if content.key is None:
        return trust_requests.StoredCertificate(fingerprint=certificate.fingerprint)
    return trust_requests.NewCertificate(
        key=content.key,
        certificate_der=content.certificate_der,
        chain_der=content.chain_der,
        origin=content.origin,
    )


def cancel(ports: Ports, actor: Actor, draft_id: DraftId) -> None:
    """Wipes the draft; nothing happens when it is gone already."""
    actor.require(Permission.CERTIFICATES)
    with ports.store.write() as writer:
        try:
            found = _opened(ports, actor, writer, draft_id)
        except NotFound:
            return
        writer.remove(found.draft)


def chosen_usages(choices: Choices) -> frozenset[Usage]:
    """The single usages that page 3 means."""
    return choices.usages if choices.advanced else frozenset(u for g in choices.groups for u in GROUPS[g])


# what these share


def _opened(ports: Ports, actor: Actor, reader: Reader, draft_id: DraftId) -> OpenDraft:
    draft = reader.draft(draft_id)
    if draft.owner != actor.name or draft.expires_at <= ports.clock.now():
        raise NotFound("this run of the wizard is over: it was finished, cancelled, or left for a day")
    record = ports.vault.unseal(draft.sealed, purpose=_purpose(draft.id))
    return OpenDraft(draft=draft, content=from_record(record))


def _changed(ports: Ports, actor: Actor, draft_id: DraftId, change: Callable[[Content], Content]) -> OpenDraft:
    with ports.store.write() as writer:
        found = _opened(ports, actor, writer, draft_id)
        content = change(found.content)
        draft = _sealed(ports, found.draft, content)
        writer.put(draft)
    return OpenDraft(draft=draft, content=content)


def _sealed(ports: Ports, draft: Draft, content: Content) -> Draft:
    return replace(draft, sealed=ports.vault.seal(to_record(content), purpose=_purpose(draft.id)))


def _purpose(draft_id: DraftId) -> str:
    return f"draft:{draft_id}"


def _begun(
    ports: Ports, reader: Reader, community_id: CommunityId, source: Source, renews: Fingerprint | None
) -> Content:
    community = reader.community(community_id)
    old = reader.find_certificate(community_id, renews) if renews else None
    if renews and (old is None or old.side is not Side.OURS):
        raise NotFound(f"{community.name} has no certificate of its own with the fingerprint {renews[:16]}")
    states = {AssignmentState.STAGED, AssignmentState.ACTIVE, AssignmentState.RETIRING}
    assigned = (
        reader.assignments(community_id=community_id, fingerprint=renews, side=Side.OURS, states=states)
        if renews
        else []
    )
    groups = _groups(frozenset(a.usage for a in assigned)) if assigned else _groups_for(old)
    limit = ports.clock.now() + RESPOND_WITHIN
    if (
        old is not None
        and ports.clock.now() + timedelta(days=2) < old.certificate.not_after - timedelta(days=1) < limit
    ):
        limit = old.certificate.not_after - timedelta(days=1)
    choices = Choices(
        groups=groups,
        send=bool(assigned),
        date=limit.astimezone(zone(community.time_zone)).strftime("%Y-%m-%d"),
        time_zone=community.time_zone,
    )
    if source is Source.STORED:
        if old is None:
            raise NotFound("name the certificate that is to be told to partners")
        chain = tuple(c.der for c in old.chain)
        stored = replace(choices, send=True)
        return Content(
            source=source,
            fields=prefilled(old),
            certificate_der=old.certificate.der,
            chain_der=chain,
            choices=stored,
        )
    return Content(source=source, renews=renews, fields=prefilled(old), choices=choices)


def _groups(usages: frozenset[Usage]) -> frozenset[UsageGroup]:
    return frozenset(group for group in UsageGroup if usages & GROUPS[group])


def _groups_for(old: HeldCertificate | None) -> frozenset[UsageGroup]:
    """For one without assignments: what AS2 needs most."""
    return frozenset({UsageGroup.SIGNING, UsageGroup.ENCRYPTION}) if old is None else frozenset({UsageGroup.SIGNING})


_ATTRIBUTES: Final = {
    "2.5.4.3": "common_name",
    "2.5.4.10": "organisation",
    "2.5.4.11": "unit",
    "2.5.4.7": "city",
    "2.5.4.8": "state",
    "2.5.4.6": "country",
    "1.2.840.113549.1.9.1": "email",
}


def prefilled(old: HeldCertificate | None) -> CertificateFields:
    """What a renewal starts with: names, key usage and extended key usage of the certificate that it replaces."""
    if old is None:
        return CertificateFields(common_name="")
    certificate = old.certificate
    names: dict[str, str] = {}
    for attribute in certificate.load().subject:
        name = _ATTRIBUTES.get(attribute.oid.dotted_string)
        if name is not None:
            names.setdefault(name, str(attribute.value))
    default = CertificateFields(common_name="")
    usage = certificate.key_usage
    purposes = certificate.extended_key_usage or frozenset()
    return CertificateFields(
        common_name=names.get("common_name", ""),
        organisation=names.get("organisation", ""),
        unit=names.get("unit", ""),
        city=names.get("city", ""),
        state=names.get("state", ""),
        country=names.get("country", ""),
        email=names.get("email", ""),
        dns_names="\n".join(certificate.san_dns),
        key="ec-p256" if certificate.curve == "secp256r1" else "ec-p384" if certificate.curve else "rsa-3072",
        key_usage=tuple(b for b in KeyUsageBit if b in usage) if usage is not None else default.key_usage,
        extended_key_usage=tuple(name for name, oid in PURPOSE_CHOICES.items() if oid in purposes),
    )


def _form(ports: Ports, wish: CertificateWish) -> CertificateForm:
    return CertificateForm(
        common_name=wish.common_name,
        organisation=wish.organisation,
        unit=wish.unit,
        city=wish.city,
        state=wish.state,
        country=wish.country,
        email=wish.email,
        dns_names=wish.dns_names,
        key_usage=tuple(bit.value for bit in wish.key_usage),
        extended_key_usage=wish.extended_key_usage,
        digest=wish.digest,
        not_before=wish.not_before,
        not_after=wish.not_after,
        # RFC 5280 4.1.2.2: positive, at most 20 octets; 127 random bits
        serial=int.from_bytes(ports.entropy.octets(16), "big") >> 1 or 1,
    )
