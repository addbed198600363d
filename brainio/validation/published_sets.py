"""Check of the table of a published stimulus set against its archive.

Of an archive, only the list of members at the end of the file is read.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from brainio.cache.archive import open_archive, safe_members
from brainio.errors import ArchiveError, BrainioError, StimulusSetFormatError, TransferError
from brainio.member_names import MemberNames
from brainio.stimuli import FILENAME, STIMULUS_ID, StimulusSet
from brainio.stores import Span, open_read, parse_location, stat
from brainio.text import some
from brainio.validation.report import Problem, problem

if TYPE_CHECKING:
    from brainio.catalogs import Entry, EntryFile
    from brainio.stores import Location

_LIST_BYTES = 1 << 16, 1 << 27  # at the end of an archive; the second for many members


def published_set_problems(entry: Entry, place: str) -> list[Problem]:
    """List the files that the table of a stimulus set names and its archive lacks.

    Parameters
    ----------
    entry : Entry
        The entry of a stimulus set.
    place : str
        Name of the entry for messages.

    Returns
    -------
    list of Problem
        Empty if a file is unreachable.
    """
    table, archive = entry.file("csv"), entry.file("zip")
    if table is None or archive is None:
        return []
    with tempfile.TemporaryDirectory(prefix="brainio-check-") as folder:
        csv_path, zip_path = Path(folder) / "stimuli.csv", Path(folder) / "stimuli.zip"
        try:
            csv_path.write_bytes(_read(_location(table, entry), table.version_id, Span()))
            stimuli = StimulusSet.from_files(csv_path, folder)
            members = _members(_location(archive, entry), archive.version_id, zip_path)
        except StimulusSetFormatError as error:
            return [problem("table-unreadable", f"{place}, csv file", str(error).replace(str(csv_path), "it"))]
        except ArchiveError as error:
            return [problem("archive-unreadable", f"{place}, zip file", str(error).replace(str(zip_path), "it"))]
        except BrainioError:
            return []
    pairs = zip(stimuli[STIMULUS_ID].tolist(), stimuli[FILENAME].tolist(), strict=True)
    missing = [f"{name} (stimulus_id {stimulus_id})" for stimulus_id, name in pairs if members.find(name) is None]
    if not missing:
        return []
    found = f"{len(missing):,} of {len(stimuli):,} files that the table names are not in the archive: {some(missing)}"
    fix = "publish a new version whose archive holds the files"
    return [problem("file-missing", f"{place}, zip file", found, fix=fix)]


def _location(file: EntryFile, entry: Entry) -> Location:
    return parse_location(file.location, file.location_type, entry.base)


def _read(location: Location, version_id: str, span: Span) -> bytes:
    with open_read(location, version_id or None, span) as reading:
        content = b"".join(reading.chunks())
        return content[max(0, span.start - reading.facts.start) :]


def _members(location: Location, version_id: str, path: Path) -> MemberNames:
    """Read the members of an archive from the end of its file, copied to a sparse file."""
    size = stat(location, version_id or None)
    if size is None:
        raise TransferError(f"there is nothing at {location}")
    for length in _LIST_BYTES:
        start = max(0, size - length)
        with path.open("wb") as copy:
            copy.seek(start)
            copy.write(_read(location, version_id, Span(start)))
        try:
            with open_archive(path) as archive:
                return MemberNames(safe_members(path, archive))
        except ArchiveError:
            if start == 0 or length == _LIST_BYTES[-1]:
                raise
    raise AssertionError("unreachable")
