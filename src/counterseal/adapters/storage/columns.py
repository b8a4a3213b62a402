"""What every table is made of: kinds of columns, and the metadata that holds the tables.

Every table has ``seq``, the order of insertion: it breaks ties of equal instants and costs nothing (SQLite's rowid).
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
)

SCHEMA: Final = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; SQLite keeps it as text of fixed width, which sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


_JSON: Final = JSON()
"""On PostgreSQL json, not jsonb: the text comes back as it was written, also where partner text holds an escaped NUL."""


def seq() -> Column[Any]:
    return Column("seq", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)


def words(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=null)


def number(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False)


def flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False)


def octets(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, LargeBinary, nullable=null)


def at(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Instant, nullable=null)


def json_text(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, JSON(none_as_null=True) if null else _JSON, nullable=null)
