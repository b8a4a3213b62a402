"""Brings a database to the present tables: makes them where there are none, migrates older ones, refuses newer ones.

A fresh database gets the tables of ``schema.py`` at once; an older one goes through ``migrations/``. That both ways end in the
same tables is a test on both databases. Alembic is only loaded when something is to be migrated, because that costs half a
second.
"""

from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select

from counterseal.adapters.storage.schema import SCHEMA
from counterseal.engine.ports import StoreUnavailable

HEAD: Final = "0006"
_SCRIPTS: Final = "counterseal.adapters.storage:migrations"
_VERSION: Final = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def version_of(connection: Connection) -> str | None:
    """``None``: no tables yet."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar()


def bring_up_to_date(connection: Connection) -> None:
    """Inside the caller's transaction. Raises ``StoreUnavailable`` for tables of a newer version."""
    version = version_of(connection)
    if version == HEAD:
        return
    if version is None:
        SCHEMA.create_all(connection, checkfirst=False)
        _VERSION.create(connection)
        connection.execute(insert(_VERSION).values(version_num=HEAD))
        return
    if version > HEAD:
        raise StoreUnavailable(
            f"the database has the tables of version {version}, this program those of {HEAD}: use the newer program"
        )
    migrate(connection)


def migrate(connection: Connection) -> None:
    """Runs every migration that the database does not have yet."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
