"""Lock files: record the entries that a script or a block loads, and load exactly these again.

============= =====================================================================================
`sessions`    `brainio.record_lock`, and `brainio.use_lock`, which finds the recorded entries in catalogs
`lock_format` the records of entries, and their form in TOML
============= =====================================================================================

Sessions are hooks of `brainio.fetch.hooks`. docs/citing.md describes the file.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
