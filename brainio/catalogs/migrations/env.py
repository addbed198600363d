"""Runs migrations within the transaction that `brainio.catalogs.sql_upgrade` began."""

from alembic import context

from brainio.catalogs.sql_schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # SQLite has it too, where it is told to begin
)
with context.begin_transaction():
    context.run_migrations()
