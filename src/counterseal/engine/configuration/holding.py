"""What one community will hold of certificates while its entry is planned, by label and by fingerprint."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from counterseal.domain.audit import AuditEvent
from counterseal.domain.certificate import HeldCertificate, Origin, SealedKey
from counterseal.domain.community import Community, Partner
from counterseal.domain.people import Actor
from counterseal.domain.usage import Side
from counterseal.engine.configuration.changes import Change, Note, Recording, Verb, event_facts
from counterseal.engine.configuration.model import AssignmentEntry, Brought, CertificateEntry, Generate
from counterseal.engine.configuration.text import Errors
from counterseal.engine.ports import Entity, Entropy, NewKey, Reader, Vault
from counterseal.kernel.ids import Fingerprint, KeyId
from counterseal.kernel.x509 import Certificate

_FINGERPRINT_DIGITS: Final = 64
TO_BE_MADE: Final = Fingerprint("")
"""Stands for a certificate that a dry run does not make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A key and certificate made for a ``generate`` block, before the transaction."""

    key: NewKey
    certificate: Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a plan is made with. ``made`` brings the certificates of ``generate`` blocks by community slug and label; those
    that are missing there are left in ``wanted``."""

    reader: Reader
    vault: Vault
    entropy: Entropy
    actor: Actor
    now: datetime
    made: Mapping[tuple[str, str], Made]
    errors: Errors = field(default_factory=Errors)
    recording: Recording = field(default_factory=Recording)
    wanted: dict[tuple[str, str], Generate] = field(default_factory=dict)

    def record(self, event: str, subject: str, change: Change, community: Community, *entities: Entity) -> None:
        """A change with its audit event and the values that carry it out."""
        made = AuditEvent(
            at=self.now,
            actor=self.actor.name,
            event=event,
            subject=subject,
            community_id=community.id,
            facts=event_facts(change),
        )
        self.recording.put(change, made, *entities)


class Holding:
    """One community's certificates: those that are stored and those that the plan adds."""

    def __init__(self, context: Context, community: Community, held: dict[Fingerprint, HeldCertificate]) -> None:
        self.community = community
        self._context = context
        self._held_by = held
        self._by_label: dict[str, Fingerprint] = {}
        self._refused: set[str] = set()
        """Labels whose certificate has an error of its own: what refers to them needs no second one."""

    def own(self, entry: CertificateEntry) -> None:
        """Plans one of our certificates."""
        match entry.source:
            case Generate():
                self._generated(entry, entry.source)
            case Brought():
                self._brought(entry, entry.source)
            case _:
                self.shown(entry, partner=None)

    def _generated(self, entry: CertificateEntry, source: Generate) -> None:
        there = [c for c in self._held_by.values() if c.side is Side.OURS and c.label == entry.label]
        if there:
            self._by_label[entry.label] = max(there, key=lambda c: c.certificate.not_after).fingerprint
            return
        wanted = (self.community.slug, entry.label)
        made = self._context.made.get(wanted)
        if made is None:
            self._context.wanted[wanted] = source
            self._by_label[entry.label] = TO_BE_MADE
            self._context.recording.changes.append(Change(verb=Verb.GENERATE, thing="certificate", name=entry.label))
            return
        self._hold_own(entry, made.certificate, made.key, (), Origin.GENERATED, Verb.GENERATE)

    def _brought(self, entry: CertificateEntry, source: Brought) -> None:
        held = self._held_by.get(source.certificate.fingerprint)
        if held is None:
            self._hold_own(entry, source.certificate, source.file.key, source.chain, Origin.APPLIED, Verb.CREATE)
        elif held.key_id is None:
            self._refuse(entry, "a certificate of ours", "one that is held as a partner's")
        else:
            self._relabel(entry, held)

    def _hold_own(
        self,
        entry: CertificateEntry,
        certificate: Certificate,
        key: NewKey,
        chain: tuple[Certificate, ...],
        origin: Origin,
        verb: Verb,
    ) -> None:
        key_id = KeyId(self._context.entropy.new_id())
        community_id = self.community.id
        record = SealedKey(
            id=key_id,
            community_id=community_id,
            sealed=key.sealed,
            kind=key.kind,
            spki=key.spki,
            created_at=self._context.now,
        )
        held = self._held(entry, certificate, chain, origin, side=Side.OURS)
        self._hold(entry, replace(held, key_id=key_id), verb, record)

    def shown(self, entry: CertificateEntry, *, partner: Partner | None) -> None:
        """Plans a certificate without its key: the partner's, or (``None``) one of ours that must be held already."""
        assert not isinstance(entry.source, Generate)
        certificate, chain = entry.source.certificate, entry.source.chain
        held = self._held_by.get(certificate.fingerprint)
        if held is not None:
            if (held.side is Side.OURS) != (partner is None):
                expected = "a certificate of ours" if partner is None else "a certificate of this partner"
                came = "a partner's certificate" if partner is None else "one of our own certificates"
                self._refuse(entry, expected, came)
                return
            self._relabel(entry, held)
            return
        if partner is None:
            came = "a certificate whose private key is not in the vault"
            self._refuse(entry, "key_file, key_content or generate, or a certificate held already", came)
            return
        made = self._held(entry, certificate, chain, Origin.APPLIED, side=Side.THEIRS)
        self._hold(entry, replace(made, partner_id=partner.id), Verb.CREATE)

    def _held(
        self,
        entry: CertificateEntry,
        certificate: Certificate,
        chain: tuple[Certificate, ...],
        origin: Origin,
        *,
        side: Side,
    ) -> HeldCertificate:
        return HeldCertificate(
            community_id=self.community.id,
            certificate=certificate,
            side=side,
            label=entry.label,
            chain=chain,
            origin=origin,
            added_by=self._context.actor.name,
            added_at=self._context.now,
        )

    def _hold(
        self,
        entry: CertificateEntry,
        held: HeldCertificate,
        verb: Verb,
        *keys: SealedKey,
    ) -> None:
        self._held_by[held.fingerprint] = held
        if entry.label:
            self._by_label[entry.label] = held.fingerprint
        change = Change(
            verb=verb,
            thing="certificate",
            name=entry.label or held.certificate.common_name,
            fields={"fingerprint": ("", held.fingerprint), "subject": ("", held.certificate.subject)},
        )
        subject = f"certificate:{held.fingerprint}"
        self._context.record("certificate.added", subject, change, self.community, *keys, held)
        if not held.certificate.valid_at(self._context.now):
            text = f"the certificate {change.name} is not valid now ({held.certificate.not_before} to {held.certificate.not_after})"
            self._context.recording.notes.append(Note(place=entry.place, text=text))

    def _refuse(self, entry: CertificateEntry, expected: str, came: str) -> None:
        self._refused.add(entry.label)
        self._context.errors.add(entry.place, expected, came)

    def _relabel(self, entry: CertificateEntry, held: HeldCertificate) -> None:
        if not entry.label:
            return
        self._by_label[entry.label] = held.fingerprint
        if held.label == entry.label:
            return
        changed = replace(held, label=entry.label)
        self._held_by[held.fingerprint] = changed
        change = Change(
            verb=Verb.CHANGE, thing="certificate", name=entry.label, fields={"label": (held.label, entry.label)}
        )
        subject = f"certificate:{held.fingerprint}"
        self._context.record("certificate.changed", subject, change, self.community, changed)

    def resolve(self, entry: AssignmentEntry) -> Fingerprint | None:
        """The certificate that a label or fingerprint names; ``None`` after an error."""
        name = entry.certificate
        if name in self._refused:
            return None
        if name in self._by_label:
            found = self._by_label[name]
            if found == TO_BE_MADE:
                return found
        elif len(name) == _FINGERPRINT_DIGITS and name.lower() in self._held_by:
            found = Fingerprint(name.lower())
        else:
            labelled = [c.fingerprint for c in self._held_by.values() if c.label == name]
            if len(labelled) != 1:
                came = f"{name!r}, which {len(labelled)} of them bear" if labelled else repr(name)
                self._context.errors.add(
                    entry.place, "the label or fingerprint of a certificate of this community", came
                )
                return None
            found = labelled[0]
        if self._held_by[found].side is not entry.side:
            self._context.errors.add(
                entry.place, f"a certificate of the side {entry.side.value}", f"{name!r}, which is not"
            )
            return None
        return found
