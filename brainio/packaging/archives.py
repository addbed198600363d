"""Writes the two files of a stimulus set: its table as CSV and its stimuli as a ZIP archive.

The same stimulus set gives the same bytes, whatever the clock, the umask or the order of a set says (the deflated
members also depend on the version of zlib). Checks nothing: that is the business of `checks`.
"""

from __future__ import annotations

import os
import zipfile
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import pandas as pd

from brainio.cache import hash_file
from brainio.errors import PackagingError
from brainio.local_files import open_regular
from brainio.packaging.files import HashedWriter, in_one_step
from brainio.packaging.tables import typed_csv
from brainio.validation import PATH_IN_STORE, member_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainio.stimuli import StimulusSet

_FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE_0644 = 0o100644 << 16
_BLOCK = 1 << 20
_COMPRESSED_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_COMPRESSED_MOVIES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")
_COMPRESSED_OTHERS = (".mp3", ".m4a", ".ogg", ".flac", ".zip", ".gz", ".bz2", ".xz", ".npz")
_COMPRESSED_ALREADY = (*_COMPRESSED_IMAGES, *_COMPRESSED_MOVIES, *_COMPRESSED_OTHERS)


def extract_specific(proto_stimulus_set: StimulusSet) -> list[str]:
    """Return the columns that a stimulus set's CSV file holds, in the order of the table.

    Parameters
    ----------
    proto_stimulus_set : StimulusSet
        Its columns are read, no rows.

    Returns
    -------
    list of str
        All columns but `stimulus_path_within_store`.

    Examples
    --------
    >>> from brainio.stimuli import StimulusSet
    >>> extract_specific(StimulusSet({"stimulus_id": ["a"], "stimulus_path_within_store": ["x"], "hue": [1]}))
    ['stimulus_id', 'hue']
    """
    return [str(column) for column in proto_stimulus_set.columns if column != PATH_IN_STORE]


def create_stimulus_csv(proto_stimulus_set: StimulusSet, target_path: str | os.PathLike[str]) -> str:
    """Write the table of a stimulus set as a typed CSV file, and verify that it is read with the same values and types.

    Text is quoted, numbers are not, and missing values are empty, see `docs/stimulus-csv.md`.

    Parameters
    ----------
    proto_stimulus_set : StimulusSet
        All columns but `stimulus_path_within_store` are written.
    target_path : path
        Replaced in one step when all is written.

    Returns
    -------
    str
        The SHA-1 of the file.

    Raises
    ------
    PackagingError
        The table cannot be stored without a change: two columns have one name, a column has values of several types or
        of a type that a CSV file cannot hold, or a text is not valid Unicode. The message lists columns and rows.
        Nothing was written.

    Examples
    --------
    >>> from brainio.stimuli import StimulusSet
    >>> stimuli = StimulusSet({"stimulus_id": ["a", "b"], "filename": ["a.png", "b.png"], "code": ["007", None]})
    >>> sha1 = create_stimulus_csv(stimuli, "stimuli.csv")
    >>> print(Path("stimuli.csv").read_text())
    stimulus_id,"filename","code"
    "a","a.png","007"
    "b","b.png",
    <BLANKLINE>
    """
    table = pd.DataFrame(proto_stimulus_set)
    content = typed_csv(table.loc[:, table.columns != PATH_IN_STORE])
    with in_one_step(Path(target_path)) as written:
        written.write_bytes(content)
        return hash_file(written)


def create_stimulus_zip(
    proto_stimulus_set: StimulusSet, target_zip_path: str | os.PathLike[str]
) -> tuple[str, list[str]]:
    """Write the files of a stimulus set into a ZIP archive.

    Members stand in the order of the table, dated 1980-01-01, mode 0644. Files whose format is compressed already
    (PNG, JPEG, MP4, ...) are stored, others deflated. A file that several rows share is written once.

    Parameters
    ----------
    proto_stimulus_set : StimulusSet
        With `stimulus_paths` from `stimulus_id` to local file.
    target_zip_path : path
        Replaced in one step when all is written.

    Returns
    -------
    str
        The SHA-1 of the archive.
    list of str
        For each row the name of its file in the archive.

    Raises
    ------
    PackagingError
        A stimulus has no path, or its file cannot be read: the message names it. Nothing was written.
    """
    paths = proto_stimulus_set.stimulus_paths
    ids = proto_stimulus_set["stimulus_id"].tolist()
    without = next((stimulus_id for stimulus_id in ids if stimulus_id not in paths), None)
    if without is not None:
        raise PackagingError(f"stimulus_paths has no path for the stimulus {without!r}; add it")
    names = member_names(proto_stimulus_set, paths)
    with (
        in_one_step(Path(target_zip_path)) as written,
        written.open("w+b") as file,
        closing(HashedWriter(file)) as hashed,
    ):
        with zipfile.ZipFile(cast("IO[bytes]", hashed), "w") as archive:
            for name, stimulus_id in dict(zip(names, ids, strict=True)).items():
                _add(archive, name, Path(paths[stimulus_id]), stimulus_id)
                hashed.settle()
        return hashed.hexdigest(), names


def _add(archive: zipfile.ZipFile, name: str, source: Path, stimulus_id: object) -> None:
    member = zipfile.ZipInfo(name, _FIRST_MOMENT)
    member.create_system = 3  # Unix, on every system
    member.external_attr = _REGULAR_FILE_0644
    is_small_already = name.lower().endswith(_COMPRESSED_ALREADY)
    member.compress_type = zipfile.ZIP_STORED if is_small_already else zipfile.ZIP_DEFLATED
    try:
        data = open_regular(source)
    except OSError as error:
        raise _unreadable(stimulus_id, error) from error
    with data:
        # The size decides before the first byte whether the member needs the large form of its header.
        member.file_size = os.fstat(data.fileno()).st_size
        with archive.open(member, "w") as out:
            for block in _blocks(data, min(member.file_size + 1, _BLOCK), stimulus_id):
                out.write(block)


def _blocks(data: IO[bytes], size: int, stimulus_id: object) -> Iterator[bytes]:
    try:
        while block := data.read(size):
            yield block
    except OSError as error:
        raise _unreadable(stimulus_id, error) from error


def _unreadable(stimulus_id: object, error: OSError) -> PackagingError:
    return PackagingError(
        f"the file of the stimulus {stimulus_id!r} cannot be read: {error}; correct its entry in stimulus_paths"
    )
