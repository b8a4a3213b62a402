"""Alembic's entry: runs on the connection, and inside the transaction, that ``migrate.py`` hands over."""

from alembic import context

from counterseal.adapters.storage.schema import SCHEMA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SCHEMA,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
