"""Exchange of entries with other programs: citations as text and BibTeX, and descriptions as Croissant.

============= ==========================================================================
`citations`   `brainio.cite`: format the citations of entries
`cited_works` collect the works to cite for entries, each once, with unique keys
`bibtex`      write works as BibTeX, with text escaped for LaTeX
`exports`     `brainio.export`: describe an entry, write the description and copy the files
`croissant`   describe entries as JSON-LD of Croissant 1.0
============= ==========================================================================
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
