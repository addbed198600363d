"""The local cache, addressed by content: verified bytes, unpacked archives. Knows no store, no catalog and no entry."""

from brainio.cache.content import Cache
from brainio.cache.files import hash_file
from brainio.cache.incoming import Incoming
from brainio.cache.unpacked import Unpacked

__all__ = ["Cache", "Incoming", "Unpacked", "hash_file"]
