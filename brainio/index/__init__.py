"""Search over the catalogs in force, and the index that it asks: a database that is made of catalogs and cards.

Resolving an identifier needs none of this.
"""

from brainio.index.entry_search import search, search_among
from brainio.index.results import Hit, SearchResults

__all__ = ["Hit", "SearchResults", "search", "search_among"]
