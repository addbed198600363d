"""Runs migrations within the transaction that `brainio.catalogs.backends.sql.schema` began."""

from alembic import context

schema = context.config.attributes["schema"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.version_table,
    transactional_ddl=True,  # SQLite as well, after an explicit BEGIN
)
with context.begin_transaction():
    context.run_migrations()
