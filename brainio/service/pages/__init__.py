"""Pages of the service for people: rendered on the server, complete without scripts, accessible.

`layout` has the templates and assets that all pages share, `browse` the front page with its search and the pages of
catalogs, `entries` the content that stimulus sets and assemblies share. Nothing is computed while a visitor waits:
pages show profiles and cards, which were built before.
"""
