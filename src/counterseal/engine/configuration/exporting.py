"""The store as a configuration text that applies to no change. Private keys and passwords never leave."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import timedelta
from enum import StrEnum
from typing import Final

import yaml

from counterseal.domain.agreement import Agreement
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.people import Actor, Permission
from counterseal.domain.usage import AssignmentState, Side
from counterseal.engine.configuration.authorities import written_roots
from counterseal.engine.configuration.kinds import Block, duration_text
from counterseal.engine.configuration.schema import COMMUNITY, PARTNER, RULES, STATION, VERSION
from counterseal.engine.configuration.terms import AS2, EXCHANGE, OFTP2
from counterseal.engine.ports import NotFound, Ports, Reader
from counterseal.kernel.ids import Fingerprint

Tree = dict[str, object]
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def export(ports: Ports, actor: Actor, *, community: str) -> str:
    """The YAML of one community by its slug, or of all of them (empty). Raises ``NotFound``."""
    actor.require(Permission.VIEW)
    with ports.store.read() as reader:
        tree = export_tree(reader, community=community)
    return text_of(tree)


def export_tree(reader: Reader, *, community: str) -> Tree:
    """The same as nested values. Raises ``NotFound``."""
    chosen = [c for c in reader.communities() if community in {"", c.slug}]
    if community and not chosen:
        raise NotFound(f"there is no community {community[:80]!r}")
    return {"version": VERSION, "communities": [_community(reader, c) for c in chosen]}


def text_of(tree: Tree) -> str:
    """The tree as YAML, certificates as literal blocks."""
    return str(yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


class _Dumper(_DUMPER):  # type: ignore[misc,valid-type]  # whichever of PyYAML's two is there
    pass


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def _community(reader: Reader, community: Community) -> Tree:
    held = reader.certificates(community.id)
    calls = _calls(held)
    tree = _written(COMMUNITY, community)
    if rules := _written(RULES, community.rules):
        tree["rules"] = rules
    ours = [c for c in held if c.side is Side.OURS and c.key_id is not None]
    stations = {s.id: s for s in reader.stations(community.id)}
    agreements: dict[str, list[Tree]] = {}
    for agreement in reader.agreements(community.id):
        station = stations[agreement.station_id]
        agreements.setdefault(agreement.partner_id, []).append(_agreement(reader, agreement, station, calls))
    shown: dict[str, list[Tree]] = {}
    for certificate in held:
        if certificate.side is Side.THEIRS and certificate.partner_id:
            shown.setdefault(certificate.partner_id, []).append(_certificate(certificate, calls))
    trusted = reader.trusted_roots(community.id)
    partners = [
        _partner(p, shown.get(p.id, []), written_roots(trusted, p.id), agreements.get(p.id, []))
        for p in reader.partners(community.id)
    ]
    parts: dict[str, object] = {
        "certificates": [_certificate(c, calls) for c in ours],
        "default_certificates": {
            u.value: calls[f] for u, f in sorted(community.default_certificates.items()) if f in calls
        },
        "trusted_roots": written_roots(trusted, None),
        "stations": [_written(STATION, s) for s in stations.values()],
        "partners": partners,
    }
    return tree | {name: part for name, part in parts.items() if part}


def _calls(held: list[HeldCertificate]) -> dict[Fingerprint, str]:
    """What the file calls each certificate: its label where only it has that one, else its fingerprint."""
    counted = Counter(c.label for c in held)
    return {c.fingerprint: c.label if c.label and counted[c.label] == 1 else c.fingerprint for c in held}


def _certificate(held: HeldCertificate, calls: Mapping[Fingerprint, str]) -> Tree:
    label: Tree = {} if calls[held.fingerprint] == held.fingerprint else {"label": held.label}
    return label | {"pem": held.certificate.pem + "".join(c.pem for c in held.chain)}


def _partner(partner: Partner, certificates: list[Tree], roots: list[Tree], agreements: list[Tree]) -> Tree:
    tree = _written(PARTNER, partner)
    if certificates:
        tree["certificates"] = certificates
    if roots:
        tree["trusted_roots"] = roots
    if agreements:
        tree["agreements"] = agreements
    return tree


def _agreement(reader: Reader, agreement: Agreement, station: Station, calls: Mapping[Fingerprint, str]) -> Tree:
    block = AS2 if agreement.protocol.value == AS2.title else OFTP2
    tree: Tree = {"station": station.identity, "partner_identity": agreement.partner_identity}
    if not agreement.active:
        tree["active"] = False
    tree[block.title] = _written(block, agreement.terms)
    if exchange := _written(EXCHANGE, agreement.exchange):
        tree["exchange"] = exchange
    active = reader.assignments(agreement_id=agreement.id, states={AssignmentState.ACTIVE})
    sides = {
        side.value: {
            a.usage.value: calls[a.fingerprint] for a in sorted(active, key=lambda a: a.usage) if a.side is side
        }
        for side in Side
    }
    if active:
        tree["assignments"] = {side: usages for side, usages in sides.items() if usages}
    return tree


def _written(block: Block, value: object) -> Tree:
    """The block's single-valued fields, without those that are as an absent one would be."""
    defaults = {f.name: f.default for f in fields(value)}  # type: ignore[arg-type]  # only dataclass values come here
    tree: Tree = {}
    for entry in block.fields:
        if not entry.terms or entry.name not in defaults:
            continue
        found = getattr(value, entry.name)
        if hasattr(found, "__dataclass_fields__") or isinstance(found, dict):
            continue
        absent = defaults[entry.name]
        if entry.required or found != (absent if absent is not MISSING else ""):
            tree[entry.name] = _plain(found)
    return tree


def _plain(value: object) -> object:
    match value:
        case StrEnum():
            return value.value
        case timedelta():
            return duration_text(value)
        case tuple():
            return [_plain(v) for v in value]
        case _:
            return value
