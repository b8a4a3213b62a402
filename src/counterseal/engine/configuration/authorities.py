"""Trusted CAs in a configuration: read, planned, exported. What a file does not name stays trusted; taking one out is an act of its own."""

from collections.abc import Iterable

from counterseal.domain.community import Community, Partner
from counterseal.domain.root_role import RootRole
from counterseal.domain.trusted_root import TrustedRoot
from counterseal.engine.configuration.changes import Change, Verb
from counterseal.engine.configuration.holding import Context
from counterseal.engine.configuration.model import RootEntry
from counterseal.kernel.ids import PartnerId, TrustedRootId


def plan_roots(context: Context, community: Community, entries: Iterable[RootEntry], partner: Partner | None) -> None:
    """Adds those that are not there yet."""
    scope = partner.id if partner is not None else None
    there = {(t.fingerprint, t.role, t.partner_id) for t in context.reader.trusted_roots(community.id)}
    for entry in entries:
        certificate = entry.certificate
        if not certificate.is_ca:
            context.errors.add(entry.place, "a CA certificate", f"{certificate.common_name}, which is none")
            continue
        if (certificate.fingerprint, entry.role, scope) in there:
            continue
        there.add((certificate.fingerprint, entry.role, scope))
        root = TrustedRoot(
            id=TrustedRootId(context.entropy.new_id()),
            community_id=community.id,
            certificate=certificate,
            role=entry.role,
            partner_id=scope,
            added_by=context.actor.name,
            added_at=context.now,
        )
        change = Change(
            verb=Verb.CREATE,
            thing="trusted root",
            name=certificate.common_name,
            fields={
                "fingerprint": ("", certificate.fingerprint),
                "role": ("", entry.role.value),
                "partner": ("", partner.slug if partner is not None else "all"),
            },
        )
        context.record("root.added", f"certificate:{certificate.fingerprint}", change, community, root)


def written_roots(trusted: Iterable[TrustedRoot], partner_id: PartnerId | None) -> list[dict[str, object]]:
    """Those of one scope as a file says them."""
    return [_written(t) for t in trusted if t.partner_id == partner_id]


def _written(root: TrustedRoot) -> dict[str, object]:
    role = {} if root.role is RootRole.ROOT else {"role": root.role.value}
    return {"pem": root.certificate.pem, **role}
