"""The one place where a database's errors become ours."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from counterseal.adapters.storage import schema
from counterseal.engine.ports import Conflict, StoreUnavailable
from counterseal.kernel.errors import Fault

_SENTENCES: Final = {
    "uq_communities_slug": "another community has this short name",
    "uq_stations_protocol_identity": "another station has this identity on this protocol",
    "uq_partners_community_id_slug": "another partner of this community has this short name",
    "uq_agreements_station_id_partner_identity": "this station has an agreement with this partner identity already",
    "uq_assignments_active_of_agreement": "another certificate is active for this agreement, side and usage",
    "uq_assignments_active_of_listener": "another certificate is active for this listener, side and usage",
    "uq_trust_requests_community_id_number": "another trust request has this number",
    "uq_users_name": "another user has this name",
    "uq_api_tokens_digest": "another token has this secret",
}


@functools.cache
def _names_by_columns() -> dict[str, str]:
    """SQLite names the columns of a broken constraint where PostgreSQL names the constraint."""
    found = {}
    for table in schema.SCHEMA.sorted_tables:
        rules: list[UniqueConstraint | Index] = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
        rules += [index for index in table.indexes if index.unique]
        for constraint in rules:
            columns = ", ".join(f"{table.name}.{column.name}" for column in constraint.columns)
            found[columns] = str(constraint.name)
    return found


def _broken_constraint(error: IntegrityError) -> str | None:
    """The name of the broken unique constraint; ``None`` when something else was broken."""
    original: Any = error.orig
    diagnosis = getattr(original, "diag", None)
    if diagnosis is not None:
        return diagnosis.constraint_name if original.sqlstate == "23505" else None
    prefix = "UNIQUE constraint failed: "
    text = str(original)
    return _names_by_columns().get(text.removeprefix(prefix), text) if text.startswith(prefix) else None


def fault_of(error: SQLAlchemyError) -> Fault | None:
    """Our fault for a database error; ``None`` for what can only be our own bug."""
    if isinstance(error, IntegrityError):
        name = _broken_constraint(error)
        return None if name is None else Conflict(_SENTENCES.get(name, f"a unique value is taken ({name})"))
    if isinstance(error, DBAPIError) and not _is_bug(error):
        return StoreUnavailable(f"the database did not take it: {str(error.orig).splitlines()[0]}")
    if not isinstance(error, DBAPIError):
        return StoreUnavailable(f"the database cannot be used: {error}") if _is_pool(error) else None
    return None


def _is_bug(error: DBAPIError) -> bool:
    """A statement that no database could take: wrong SQL, a wrong type, a missing value."""
    state = getattr(error.orig, "sqlstate", None)
    return state is not None and state[:2] in {"22", "42"}


def _is_pool(error: SQLAlchemyError) -> bool:
    return type(error).__name__ == "TimeoutError"


@contextmanager
def mapped() -> Iterator[None]:
    """Database errors inside leave as ``Conflict`` or ``StoreUnavailable``."""
    try:
        yield
    except SQLAlchemyError as error:
        fault = fault_of(error)
        if fault is None:
            raise
        raise fault from error
