"""The local cache, addressed by content: verified bytes, unpacked archives. Knows no store, no catalog and no entry."""

from brainio.cache.archive import Unpacked
from brainio.cache.content import Cache
from brainio.cache.files import hash_file

__all__ = ["Cache", "Unpacked", "hash_file"]
