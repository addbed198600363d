"""Numbers of all documents, packed into one value each, so that they are read at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import insert, select

from brainio.index.schema import packed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from sqlalchemy.engine import Connection

    from brainio.index.fulltext import Numbers

_STORED = np.dtype("<i4")


def write_packed(connection: Connection, named: Mapping[str, npt.ArrayLike]) -> None:
    """Write numbers by name."""
    rows = [{"name": name, "numbers": np.asarray(numbers, _STORED).tobytes()} for name, numbers in named.items()]
    connection.execute(insert(packed), rows)


def read_packed(connection: Connection, *names: str) -> list[Numbers]:
    """Return the numbers of some names."""
    rows = connection.execute(select(packed.c.name, packed.c.numbers).where(packed.c.name.in_(names)))
    found = {name: np.frombuffer(numbers, _STORED).astype(np.int32) for name, numbers in rows}
    return [found[name] for name in names]
