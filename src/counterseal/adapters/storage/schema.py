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
    users,
)
from counterseal.adapters.storage.tables_talk import (
    documents,
    exchanges,
    messages,
    offered_certificates,
    offers,
    transfers,
    trust_requests,
)
from counterseal.adapters.storage.tables_work import FREE, HELD, UNSEALED, WAITING, audit, work

__all__ = [
    "FREE",
    "HELD",
    "REFERRED_BY",
    "SCHEMA",
    "UNSEALED",
    "WAITING",
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
    "keys",
    "messages",
    "offered_certificates",
    "offers",
    "one_time_links",
    "partners",
    "stations",
    "transfers",
    "trust_requests",
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
    ),
    stations: (agreements.c.station_id,),
    partners: (agreements.c.partner_id, exchanges.c.partner_id, offers.c.partner_id),
    agreements: (
        documents.c.agreement_id,
        exchanges.c.agreement_id,
        offers.c.agreement_id,
        assignments.c.agreement_id,
    ),
}
"""What keeps a row from being removed: what happened with a partner stays readable."""
