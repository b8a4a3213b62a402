"""The database: SQLite or PostgreSQL, behind the engine's ``Store``."""

from counterseal.adapters.storage.store import NestedTransaction, SQLStore, UnknownDatabase

__all__ = ["NestedTransaction", "SQLStore", "UnknownDatabase"]
