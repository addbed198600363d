"""Search in the active catalogs, by an index built from catalogs, publications and cards.

Resolving an identifier needs no index.
"""

from brainio.index.entry_search import search, search_among
from brainio.index.results import Hit, SearchResults

__all__ = ["Hit", "SearchResults", "search", "search_among"]
