"""The SQL backend: catalogs in an SQLite file or on a PostgreSQL server.

`backend` implements the protocol on `tables`; `connections` and the two modules of locks run its transactions, and
`schema` creates and upgrades its tables. The database of the service uses `connections` and `schema` as well.
"""
