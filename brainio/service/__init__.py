"""The catalog service: the active catalogs over HTTP, as pages, as a JSON API, and as catalogs for other machines.

Needs the extra `service`; only the command that starts it imports this package. The packages below know entries,
searches and files; this one adds URLs, access control and limits.

A request passes through `middleware` and `access`, and reaches a handler in `resources` (JSON) or `pages` (HTML), which
reads a snapshot (`snapshots`) and returns a rendered response (`responses`). `app` connects them, `server` runs them.
"""
