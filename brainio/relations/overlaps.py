"""Overlap of two stimulus sets: `brainio.overlap` and its result.

Loads the sets, compares the contents of their files and presents the matches as text, a data frame or a record.
"""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pandas as pd

from brainio.errors import LocationError, StimulusSetFormatError
from brainio.fetch import get_local_data_path, get_stimulus_set, load_stimulus_files
from brainio.fetch.cache_access import prevent_pruning
from brainio.relations.file_contents import Content, read_contents
from brainio.relations.matching import (
    BYTES,
    ID_ONLY,
    ID_UNREAD,
    Contents,
    Match,
    count_shared,
    find_duplicates,
    find_matches,
)
from brainio.stimuli import STIMULUS_ID, StimulusSet
from brainio.text import printable, printable_line, some
from brainio.text_tables import format_table
from brainio.validation import problem
from brainio.validation.subjects import find_path, require_existing_path

if TYPE_CHECKING:
    from collections.abc import Mapping

AnyPath: TypeAlias = "str | os.PathLike[str]"
Subject: TypeAlias = "StimulusSet | AnyPath | tuple[AnyPath, AnyPath]"

_MOST_ROWS = 10  # of the table of matches
_COUNT_LABELS = {"id": "same id", BYTES: "same bytes", "content": "same content"}


@dataclass(frozen=True)
class ComparedSet:
    """One of the two compared stimulus sets.

    Attributes
    ----------
    name : str
        Name of the set in tables and messages.
    shared_counts : dict
        `'id'`, `'bytes'`, `'content'` -> number of its stimuli that have an equal stimulus in the other set.
    contents : dict
        Stimulus id -> content of its file.
    """

    name: str
    shared_counts: dict[str, int]
    contents: Contents = field(repr=False)

    @property
    def share(self) -> float:
        """Share of its stimuli whose content is in the other set, from 0 to 1; 0 for an empty set."""
        return self.shared_counts["content"] / max(1, len(self.contents))

    @property
    def duplicates(self) -> list[tuple[tuple[str, ...], str]]:
        """Groups of equal stimuli within the set: their ids and the kind of equality."""
        return find_duplicates(self.contents)

    @property
    def unread(self) -> dict[str, str]:
        """Id -> reason, for stimuli whose file cannot be read or decoded; they are compared by bytes if possible."""
        return {stimulus_id: content.fault for stimulus_id, content in self.contents.items() if content.fault}

    def format_count(self, kind: str) -> str:
        """Format the number and percentage of its stimuli that have an equal stimulus in the other set."""
        count = self.shared_counts[kind]
        return f"{count:,} ({count / max(1, len(self.contents)):.1%})"

    def record(self) -> dict[str, Any]:
        """Return the comparison of this set as a record for JSON."""
        return {
            "name": self.name,
            "stimuli": len(self.contents),
            **{f"same_{kind}": count for kind, count in self.shared_counts.items()},
            "share": self.share,
            "duplicates": [{"stimuli": list(ids), "kind": kind} for ids, kind in self.duplicates],
            "unread": self.unread,
        }

    def notes(self) -> list[str]:
        """Describe duplicates and unreadable files, with an example each."""
        notes, duplicates, unread = [], self.duplicates, self.unread
        if duplicates:
            count, (ids, kind) = sum(len(ids) - 1 for ids, _ in duplicates), duplicates[0]
            notes.append(f"{count:,} stimuli of {self.name} are duplicates, such as {some(ids)} (equal in {kind})")
        if unread:
            stimulus_id, reason = next(iter(unread.items()))
            example = f"such as {stimulus_id!r}: {printable_line(reason)}"
            notes.append(f"{len(unread):,} files of {self.name} cannot be read or decoded, {example}")
        return notes


@dataclass(frozen=True)
class Overlap:
    """Result of `brainio.overlap`; printing it shows counts, the first shared stimuli, and doubtful cases.

    Content means the pixels of images, the samples of WAV sounds, and the bytes of all other files.

    Attributes
    ----------
    a, b : ComparedSet
        The two sets: `name`, `share`, `shared_counts`, `duplicates`, `unread`.
    matches : list of Match
        Pairs of equal stimuli, then pairs with the same id but different content. Each shared stimulus is in at least
        one pair; of several equal stimuli, not every combination is listed.
    """

    a: ComparedSet
    b: ComparedSet
    matches: list[Match] = field(repr=False)

    @classmethod
    def from_contents(cls, name_a: str, contents_a: Contents, name_b: str, contents_b: Contents) -> Overlap:
        """Compare two sets by the contents of their files."""
        counts = count_shared(contents_a, contents_b)
        counts_a, counts_b = ({kind: both[side] for kind, both in counts.items()} for side in range(2))
        a, b = ComparedSet(name_a, counts_a, contents_a), ComparedSet(name_b, counts_b, contents_b)
        return cls(a, b, find_matches(contents_a, contents_b))

    @property
    def is_disjoint(self) -> bool:
        """Whether the sets share no content, as far as the files can be read."""
        return not self.a.shared_counts["content"]

    @property
    def unreadable_count(self) -> int:
        """Number of files in both sets that cannot be read at all, so that they may be shared."""
        return sum(not content.sha1 for side in (self.a, self.b) for content in side.contents.values())

    @property
    def contradictions(self) -> list[str]:
        """Ids that both sets use for different content."""
        return [match.a for match in self.matches if match.kind == ID_ONLY]

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each match: `stimulus_a, stimulus_b, kind, same_id`; see `Match` for the kinds."""
        rows = [(*match, match.same_id) for match in self.matches]
        return pd.DataFrame(rows, columns=["stimulus_a", "stimulus_b", "kind", "same_id"])

    def record(self) -> dict[str, Any]:
        """Return the whole result as a record for JSON."""
        return {
            "a": self.a.record(),
            "b": self.b.record(),
            "is_disjoint": self.is_disjoint,
            "contradictions": self.contradictions,
            "matches": [{**match._asdict(), "same_id": match.same_id} for match in self.matches],
        }

    def __str__(self) -> str:
        return self.table()

    def table(self, width: int | None = None) -> str:
        """Format the counts, the first shared stimuli, and notes about doubtful cases.

        Parameters
        ----------
        width : int, optional
            Columns of the terminal, to which cells are shortened. By default, cells are whole.
        """
        parts = [self._format_counts(width), self._format_matches(width), *self.a.notes()]
        if self.contradictions:
            count = len(self.contradictions)
            parts.append(f"{count:,} ids stand for different content in both: {some(self.contradictions)}")
        parts = [*dict.fromkeys([*parts, *self.b.notes()])]
        if width is not None:
            parts[2:] = [textwrap.fill(note, width, break_long_words=False) for note in parts[2:]]
        return printable("\n\n".join(parts))

    def _format_counts(self, width: int | None) -> str:
        sides = (self.a, self.b)
        rows = [["stimuli", *(f"{len(side.contents):,}" for side in sides)]]
        rows += [[label, *(side.format_count(kind) for side in sides)] for kind, label in _COUNT_LABELS.items()]
        return format_table(["", *(f"of {printable_line(side.name)}" for side in sides)], rows, width)

    def _format_matches(self, width: int | None) -> str:
        equal = [match for match in self.matches if match.kind not in (ID_ONLY, ID_UNREAD)]
        if not equal:
            return "No stimulus is shared."
        rows = [list(map(printable_line, match)) for match in equal[:_MOST_ROWS]]
        headers = [printable_line(self.a.name), printable_line(self.b.name), "equal in"]
        table = format_table(headers, rows, width)
        more = len(equal) - _MOST_ROWS
        return table + (f"\n... and {more:,} more" if more > 0 else "")


def overlap(a: Subject, b: Subject) -> Overlap:
    """Find the stimuli that two sets share, for instance a training set and a test set.

    Several threads read and decode the files. The cache stores the digests of a published set, and of any archive in
    the cache, so that the next comparison need not read the files again.

    Parameters
    ----------
    a, b : str, path, StimulusSet or tuple
        A published identifier or alias, which is fetched; a set in memory, whole or in part; a CSV file or a folder
        with one CSV file, with the stimuli next to it as for `brainio.validate`; or a pair of a CSV file and the folder
        or ZIP archive with its files.

    Returns
    -------
    Overlap
        Images are equal if they have the same pixels in any lossless format, WAV sounds if they have the same samples,
        and other files if they have the same bytes. Images that only look alike are not equal. The result prints as
        tables; `to_dataframe()` lists all matches.

    Raises
    ------
    StimulusSetLookupError, AmbiguousEntryError, EntryUnavailableError, TransferError, IntegrityError
        A published set cannot be found or fetched.
    LocationError, StimulusSetFormatError
        A file does not exist, or is not a stimulus set.

    Examples
    --------
    >>> import brainio
    >>> stimuli = brainio.get_stimulus_set('modelfest.Carney1999')
    >>> result = brainio.overlap('modelfest.Carney1999', stimuli[:4])
    >>> result.a.shared_counts['content'], result.b.share, result.contradictions
    (4, 1.0, [])
    """
    with prevent_pruning():
        set_a, set_b = _load_subject(a), _load_subject(b)
        contents = read_contents([*set_a.paths.values(), *set_b.paths.values()], Path(get_local_data_path()))

    def contents_by_id(stimuli: _StimulusPaths) -> dict[str, Content]:
        return {stimulus_id: contents[path] for stimulus_id, path in stimuli.paths.items()}

    return Overlap.from_contents(set_a.name, contents_by_id(set_a), set_b.name, contents_by_id(set_b))


class _StimulusPaths(NamedTuple):
    """Name of a stimulus set, and the path of each stimulus by its id."""

    name: str
    paths: Mapping[str, Path]


def _load_subject(subject: Subject) -> _StimulusPaths:
    """Return the stimuli of a set in memory, in files, or with a published identifier; see `overlap`."""
    if isinstance(subject, pd.DataFrame):
        return _stimulus_paths(subject, str(subject.__dict__.get("identifier") or "stimulus set"))
    if isinstance(subject, tuple):
        table, files = map(require_existing_path, subject)
        return _stimulus_paths(_load_files(table, files), str(table))
    if not isinstance(subject, str | os.PathLike):
        raise StimulusSetFormatError(
            f"{type(subject).__name__} is not a stimulus set; expected a StimulusSet, an identifier or a path"
            + ("; the stimulus set of an assembly is attrs['stimulus_set']" if hasattr(subject, "attrs") else "")
        )
    path = find_path(subject)
    if path is None:
        return _stimulus_paths(get_stimulus_set(str(subject)), str(subject))
    table = _find_table(path)
    return _stimulus_paths(_load_files(table, _find_stimuli(table)), str(path))


def _find_table(path: Path) -> Path:
    """Return the CSV file of a stimulus set, given its folder, CSV file or ZIP archive."""
    if path.is_dir():
        tables = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv")
        found = f"{len(tables)} CSV files: {some([table.name for table in tables])}" if tables else "no CSV file"
        if len(tables) == 1:
            return tables[0]
        raise LocationError(str(problem("table-missing", f"folder {path.name}", found)))
    if path.suffix.lower() == ".zip":
        table = path.with_suffix(".csv")
        if table.is_file():
            return table
        raise LocationError(str(problem("table-missing", f"file {path.name}", f"no {table.name} beside it")))
    if path.suffix.lower() == ".csv":
        return path
    raise LocationError(f"{path} is not a stimulus set; expected a folder, or a file that ends with .csv or .zip")


def _find_stimuli(table: Path) -> Path:
    """Return the archive or folder with the name of a table, else the folder of the table."""
    archive, folder = table.with_suffix(".zip"), table.with_suffix("")
    return archive if archive.is_file() else folder if folder.is_dir() else table.parent


def _load_files(table: Path, files: Path) -> StimulusSet:
    """Load a stimulus set from a table, and a folder or ZIP archive of its files."""
    if files.is_dir():
        return StimulusSet.from_files(table, files)
    return load_stimulus_files(table, files, table.stem)


def _stimulus_paths(stimulus_set: StimulusSet, name: str) -> _StimulusPaths:
    """Return the path of each stimulus; raise an error for a set without ids or paths."""
    if STIMULUS_ID not in stimulus_set.columns:
        raise StimulusSetFormatError(
            f"{name} has no column {STIMULUS_ID!r}; expected a stimulus set, as brainio.get_stimulus_set returns it"
        )
    ids = stimulus_set[STIMULUS_ID].tolist()
    try:
        return _StimulusPaths(name, {str(stimulus_id): stimulus_set.get_stimulus(stimulus_id) for stimulus_id in ids})
    except (AttributeError, KeyError) as error:
        reason = error.args[0] if error.args else error
        raise StimulusSetFormatError(f"{name} has no paths of its files: {reason}") from error
