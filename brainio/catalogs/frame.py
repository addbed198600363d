"""Catalogs as pandas DataFrames, for code that works with the table itself; lookups do not use this module."""

import io
import os
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from brainio.catalogs.backends import backend_of, format_location
from brainio.catalogs.csv_format import require_header
from brainio.catalogs.entries import REQUIRED_COLUMNS, Entry, EntryFile, cells_of
from brainio.errors import CatalogError
from brainio.text import printable

SOURCE_CATALOG = "source_catalog"
_MAX_COLUMNS = 10_000  # pandas takes seconds for more


class Catalog(pd.DataFrame):
    """A catalog as a table: one row per file; columns as in the CSV file, with text (dtype object) or NaN if empty.

    Attributes
    ----------
    identifier : str
        Identifier of the catalog.
    url : str or None
        URL at which the catalog is published, if known.
    attrs : dict
        `'source_path'` is the CSV file that the catalog was read from.
    """

    _metadata: ClassVar[list[str]] = ["identifier", "url"]
    identifier: str | None
    url: str | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self._metadata:
            object.__setattr__(self, name, getattr(args[0], name, None) if args else None)

    @property
    def _constructor(self) -> Callable[..., "Catalog"]:
        return Catalog

    def __repr__(self) -> str:
        return printable(super().__repr__())

    def _repr_html_(self) -> str | None:
        html: str | None = super()._repr_html_()  # type: ignore[misc]  # not in the stubs
        if html is None or not {"identifier", "lookup_type"} <= set(self.columns) or not self.columns.is_unique:
            return html
        from brainio.views import catalog_html

        return catalog_html(self, self.identifier, str(self.attrs.get("source_path", self.url or "")))

    @classmethod
    def get_loader_class(cls) -> type["CatalogLoader"]:
        """Return the class that reads a catalog of this class."""
        return CatalogLoader

    @classmethod
    def from_files(cls, identifier: str, csv_path: str | PathLike[str], url: str | None = None) -> "Catalog":
        """Read a catalog from its CSV file.

        Parameters
        ----------
        identifier : str
            Identifier of the catalog.
        csv_path : str or path
            Path or URL of its CSV file; stored in `attrs['source_path']`.
        url : str, optional
            URL at which the catalog is published.

        Raises
        ------
        CatalogError
            The file cannot be read or lacks columns of the format.

        Examples
        --------
        >>> from brainio_catalogs import brainio_demo
        >>> catalog = Catalog.from_files('brainio_demo', brainio_demo.location)
        >>> sorted(catalog['lookup_type'].unique())
        ['assembly', 'stimulus_set']
        """
        return CatalogLoader(cls, identifier, csv_path, url).load()


class CatalogLoader:
    """Reads a `Catalog` from its CSV file."""

    def __init__(
        self, cls: type[Catalog], identifier: str, csv_path: str | PathLike[str], url: str | None = None
    ) -> None:
        self.cls = cls
        self.identifier = identifier
        self.csv_path = csv_path
        self.url = url

    def load(self) -> Catalog:
        """Read the file; raises as `Catalog.from_files` does."""
        location = os.fspath(self.csv_path)
        name = format_location(location)
        text = backend_of(location).read()
        try:
            columns = len(require_header(text, name))
            if columns > _MAX_COLUMNS:
                raise CatalogError(f"{name} has {columns:,} columns; a catalog as a table has at most {_MAX_COLUMNS:,}")
            # `null` is a version id of S3, and "None" may be an identifier: only an empty field is missing.
            frame = pd.read_csv(
                io.StringIO(text.removeprefix("\ufeff")), dtype=object, keep_default_na=False, na_values=[""]
            )
        except ValueError as error:
            raise CatalogError(f"catalog {self.identifier!r} cannot be read from {name}: {error}") from error
        catalog = self.cls(frame)
        catalog.identifier = self.identifier
        catalog.url = self.url
        catalog.attrs["source_path"] = Path(name)
        return catalog


def row_of(entry: Entry, file: EntryFile) -> "pd.Series[Any]":
    """Return the row of a file as a Series: the required columns, then `source_catalog`, then the optional columns.

    Values are text, or NaN for empty cells; the name of the series is the position of the row.
    """
    values = {**dict.fromkeys(REQUIRED_COLUMNS, ""), SOURCE_CATALOG: entry.catalog, **cells_of(entry, file)}
    cells = [value or float("nan") for value in values.values()]
    return pd.Series(cells, index=_index(tuple(values)), dtype=object, name=file.row)


_indexes: dict[tuple[str, ...], "pd.Index[str]"] = {}


def _index(names: tuple[str, ...]) -> "pd.Index[str]":
    """Return the index that all rows share: building it takes longer than building the row."""
    return _indexes.setdefault(names, pd.Index(names, dtype=object)) if names not in _indexes else _indexes[names]
