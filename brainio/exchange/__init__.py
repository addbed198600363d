"""What other programs take of an entry: citations as text and BibTeX, and descriptions as Croissant.

=============== ====================================================================
`citing`        identifiers -> citations
`works`         entries -> the works to cite, each once, with their keys
`bibtex`        works -> BibTeX
`latex`         text -> LaTeX
`exporting`     identifier -> a description, in memory or as a file with its data beside it
`croissant`     entries -> JSON-LD of Croissant 1.0
`distribution`  files of an entry -> what Croissant says of them
`records`       columns of a stimulus set -> fields of Croissant's records
=============== ====================================================================
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
