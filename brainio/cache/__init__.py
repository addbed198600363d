"""The local cache, addressed by content: verified files and unpacked archives.

It knows no store, catalog or entry.
"""

from brainio.cache.content import Cache
from brainio.cache.files import hash_file
from brainio.cache.incoming_files import IncomingFile
from brainio.cache.unpacked_archives import UnpackedArchive

__all__ = ["Cache", "IncomingFile", "UnpackedArchive", "hash_file"]
