"""Lock files: what a script or a block loaded, written down, and loading exactly that again.

=========== ====================================================================
`recording` `brainio.record_lock`: what is loaded is written down
`locking`   `brainio.use_lock`: what is loaded is what was written down
`records`   entries as records, and which entry of the catalogs in force is the recorded one
`form`      records as a file that people read
=========== ====================================================================

What is loaded is told by `brainio.fetch.hooks`. docs/citing.md describes the file.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
