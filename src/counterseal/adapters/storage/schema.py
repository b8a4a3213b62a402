"""The tables: a column for every field, JSON for nested values, and what must be unique.

A column has the name of the field that it holds; ``codec.py`` relies on that. There are no foreign keys: what refers to what is the
table ``REFERRED_BY`` below, looked at when something is removed, so that values can be stored in any order inside a transaction.
"""

from typing import Any, Final

from sqlalchemy import Column, Table

from counterseal.adapters.storage.columns import SCHEMA, Instant
from counterseal.adapters.storage.tables_held import (
    agreements,
    api_tokens,
    assignments,
    browser_sessions,
    certificates,
    communities,
    drafts,
    keys,
    one_time_links,
    partners,
    stations,
    trusted_roots,
    users,
)
from counterseal.adapters.storage.tables_talk import (
    WAITING_OUT,
    documents,
    exchanges,
    messages,
    offered_certificates,
    offers,
    oftp_sessions,
    owed_receipts,
    restart_positions,
    transfers,
    trust_requests,
)
from counterseal.adapters.storage.tables_work import FREE, HELD, UNSEALED, WAITING, audit, generation, work

__all__ = [
    "FREE",
    "HELD",
    "REFERRED_BY",
    "SCHEMA",
    "UNSEALED",
    "WAITING",
    "WAITING_OUT",
    "Instant",
    "agreements",
    "api_tokens",
    "assignments",
    "audit",
    "browser_sessions",
    "certificates",
    "communities",
    "documents",
    "drafts",
    "exchanges",
    "generation",
    "keys",
    "messages",
    "offered_certificates",
    "offers",
    "oftp_sessions",
    "one_time_links",
    "owed_receipts",
    "partners",
    "restart_positions",
    "stations",
    "transfers",
    "trust_requests",
    "trusted_roots",
    "users",
    "work",
]

REFERRED_BY: Final[dict[Table, tuple[Column[Any], ...]]] = {
    communities: (
        stations.c.community_id,
        partners.c.community_id,
        agreements.c.community_id,
        certificates.c.community_id,
        trust_requests.c.community_id,
        documents.c.community_id,
        trusted_roots.c.community_id,
    ),
    stations: (agreements.c.station_id,),
    partners: (
        agreements.c.partner_id,
        exchanges.c.partner_id,
        offers.c.partner_id,
        trusted_roots.c.partner_id,
    ),
    agreements: (
        documents.c.agreement_id,
        exchanges.c.agreement_id,
        offers.c.agreement_id,
        assignments.c.agreement_id,
    ),
}
"""What keeps a row from being removed: what happened with a partner stays readable."""
