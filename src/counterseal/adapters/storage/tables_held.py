"""Tables of what is set up: communities, partners, agreements, certificates and their use, people."""

from sqlalchemy import Index, Table, UniqueConstraint, text

from counterseal.adapters.storage.columns import SCHEMA, at, flag, json_text, octets, seq, words

communities = Table(
    "communities",
    SCHEMA,
    seq(),
    words("id"),
    words("slug"),
    words("name"),
    words("time_zone"),
    words("contact_email"),
    json_text("rules"),
    json_text("default_certificates"),
    at("created_at"),
    UniqueConstraint("id"),
    UniqueConstraint("slug"),
)

stations = Table(
    "stations",
    SCHEMA,
    seq(),
    words("id"),
    words("community_id"),
    words("protocol"),
    words("identity"),
    words("name"),
    words("url"),
    words("email"),
    flag("enabled"),
    UniqueConstraint("id"),
    UniqueConstraint("protocol", "identity"),
    Index(None, "community_id"),
)

partners = Table(
    "partners",
    SCHEMA,
    seq(),
    words("id"),
    words("community_id"),
    words("slug"),
    words("name"),
    words("owner"),
    words("contact_name"),
    words("contact_email"),
    words("note"),
    at("created_at"),
    UniqueConstraint("id"),
    UniqueConstraint("community_id", "slug"),
)

agreements = Table(
    "agreements",
    SCHEMA,
    seq(),
    words("id"),
    words("community_id"),
    words("station_id"),
    words("partner_id"),
    words("protocol"),
    words("partner_identity"),
    flag("active"),
    json_text("terms"),
    json_text("exchange"),
    json_text("seen"),
    words("cem_capability"),
    at("created_at"),
    words("node", null=True),
    words("scx_learned", null=True),
    UniqueConstraint("id"),
    UniqueConstraint("station_id", "partner_identity"),
    Index(None, "node"),
    Index(None, "community_id"),
    Index(None, "partner_id"),
)

certificates = Table(
    "certificates",
    SCHEMA,
    seq(),
    words("community_id"),
    words("fingerprint"),
    octets("certificate"),
    at("not_after"),
    words("side"),
    words("key_id", null=True),
    words("partner_id", null=True),
    words("label"),
    json_text("chain"),
    words("origin"),
    words("added_by"),
    at("added_at"),
    UniqueConstraint("community_id", "fingerprint"),
    Index(None, "community_id", "not_after"),
)

trusted_roots = Table(
    "trusted_roots",
    SCHEMA,
    seq(),
    words("id"),
    words("community_id"),
    octets("certificate"),
    words("role"),
    words("partner_id", null=True),
    words("added_by"),
    at("added_at"),
    octets("revocation_list", null=True),
    UniqueConstraint("id"),
    Index(None, "community_id"),
)

keys = Table(
    "keys",
    SCHEMA,
    seq(),
    words("id"),
    words("community_id"),
    octets("sealed"),
    words("kind"),
    octets("spki"),
    at("created_at"),
    UniqueConstraint("id"),
)

assignments = Table(
    "assignments",
    SCHEMA,
    seq(),
    words("id"),
    words("community_id"),
    words("agreement_id", null=True),
    words("listener_id", null=True),
    words("fingerprint"),
    words("side"),
    words("usage"),
    words("state"),
    at("since"),
    at("activated_at", null=True),
    words("exchange_id", null=True),
    at("first_seen_at", null=True),
    at("last_seen_at", null=True),
    at("created_at"),
    UniqueConstraint("id"),
    Index(None, "community_id", "fingerprint"),
    Index(None, "agreement_id"),
    Index(None, "listener_id"),
)
# product.md section 3: at most one active per agreement (or listener), side and usage.
Index(
    "uq_assignments_active_of_agreement",
    assignments.c.agreement_id,
    assignments.c.side,
    assignments.c.usage,
    unique=True,
    sqlite_where=text("state = 'active' AND agreement_id IS NOT NULL"),
    postgresql_where=text("state = 'active' AND agreement_id IS NOT NULL"),
)
Index(
    "uq_assignments_active_of_listener",
    assignments.c.listener_id,
    assignments.c.side,
    assignments.c.usage,
    unique=True,
    sqlite_where=text("state = 'active' AND listener_id IS NOT NULL"),
    postgresql_where=text("state = 'active' AND listener_id IS NOT NULL"),
)

drafts = Table(
    "drafts",
    SCHEMA,
    seq(),
    words("id"),
    words("community_id"),
    words("owner"),
    octets("sealed"),
    at("created_at"),
    at("expires_at"),
    UniqueConstraint("id"),
)

users = Table(
    "users",
    SCHEMA,
    seq(),
    words("id"),
    words("name"),
    words("full_name"),
    words("email"),
    words("role"),
    words("password_hash"),
    flag("enabled"),
    at("created_at"),
    at("last_seen_at", null=True),
    UniqueConstraint("id"),
    UniqueConstraint("name"),
)

one_time_links = Table(
    "one_time_links",
    SCHEMA,
    seq(),
    words("digest"),
    words("user_id", null=True),
    words("purpose"),
    at("expires_at"),
    at("used_at", null=True),
    UniqueConstraint("digest"),
)

browser_sessions = Table(
    "browser_sessions",
    SCHEMA,
    seq(),
    words("digest"),
    words("user_id"),
    words("csrf"),
    at("created_at"),
    at("expires_at"),
    UniqueConstraint("digest"),
)

api_tokens = Table(
    "api_tokens",
    SCHEMA,
    seq(),
    words("id"),
    words("name"),
    words("digest"),
    json_text("scopes"),
    words("created_by"),
    at("created_at"),
    at("expires_at", null=True),
    at("last_used_at", null=True),
    at("revoked_at", null=True),
    UniqueConstraint("id"),
    UniqueConstraint("digest"),
)
