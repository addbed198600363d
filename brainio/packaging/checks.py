"""What must hold before something is published, and the naming rules that a lab may ask for beyond that.

The `*_problems` functions list every problem in words and change nothing; `refuse` raises them all at once. The
`check_*` functions stop at the first problem.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from brainio.errors import FormatError, PackagingError
from brainio.packaging.archives import member_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from brainio.assemblies import DataAssembly
    from brainio.stimuli import StimulusSet

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_COLUMN = re.compile(r"[a-z0-9_]+")
_CONVENTION = re.compile(r"[a-z]+\.[A-Z][A-Za-z0-9]+")
_STIMULUS_CONVENTION = re.compile(r"(?:[A-Za-z0-9]+_[0-9]+|[A-Za-z0-9]*[0-9])\.(?:png|jpg|mp4)")
_SHOWN = 5
# Loading puts extras into the attrs, beside these, and the file has the values under 'data'.
_RESERVED = ("identifier", "stimulus_set", "stimulus_set_identifier", "data")


def refuse(what: str, problems: Sequence[str]) -> None:
    """Raise one PackagingError that lists the problems; do nothing if there are none."""
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise PackagingError(f"{what} cannot be packaged; nothing was written:{listed}")


def identifier_problems(identifier: object) -> list[str]:
    """Tell whether an identifier can stand in a catalog and in a file name."""
    if isinstance(identifier, str) and _IDENTIFIER.fullmatch(identifier) and ".." not in identifier:
        return []
    expected = "1 to 200 letters, digits, dots, underscores or hyphens, such as 'dicarlo.MajajHong2015'"
    return [f"the identifier {identifier!r} must be {expected}"]


def stimulus_set_problems(proto_stimulus_set: StimulusSet) -> list[str]:
    """List what keeps a stimulus set, with its `stimulus_id` and `stimulus_paths`, from being published."""
    problems = _column_problems(proto_stimulus_set)
    if "stimulus_id" not in proto_stimulus_set.columns:
        return [*problems, "there is no column 'stimulus_id'; add one with a unique text in each row"]
    problems += _id_problems(proto_stimulus_set["stimulus_id"].tolist())
    # Without sound ids and columns, whatever else could be said would only repeat that.
    return problems or _path_problems(proto_stimulus_set) or _member_problems(proto_stimulus_set)


def _column_problems(table: pd.DataFrame) -> list[str]:
    columns = list(table.columns)
    problems = [
        f"the column {column!r} must be named with lower-case letters, digits and underscores"
        for column in columns
        if not (isinstance(column, str) and _COLUMN.fullmatch(column))
    ]
    doubled = sorted({str(column) for column in columns if columns.count(column) > 1})
    problems += [f"there are {columns.count(name)} columns named {name!r}; keep one" for name in doubled]
    return [*problems, "there are no rows"] if table.empty else problems


def _id_problems(stimulus_ids: Sequence[object]) -> list[str]:
    is_one = _is_integer if all(map(_is_integer, stimulus_ids)) else _is_text
    missing = [row for row, value in enumerate(stimulus_ids) if not is_one(value)]
    if missing:
        wrong = stimulus_ids[missing[0]]
        where = f"row {missing[0]} holds {wrong!r} ({len(missing)} such rows)"
        return [f"stimulus_id must be a text that is not empty: {where}; convert the column with .astype(str)"]
    doubled = [stimulus_id for stimulus_id, count in Counter(map(str, stimulus_ids)).items() if count > 1]
    return [f"stimulus_id must be unique; these occur more than once: {some(doubled)}"] if doubled else []


def _path_problems(proto_stimulus_set: StimulusSet) -> list[str]:
    paths = getattr(proto_stimulus_set, "stimulus_paths", None)
    if not isinstance(paths, Mapping):
        return ["stimulus_paths is not set; assign a dict from stimulus_id to the path of the stimulus"]
    ids = proto_stimulus_set["stimulus_id"].tolist()
    without = [stimulus_id for stimulus_id in ids if stimulus_id not in paths]
    if without:
        return [f"stimulus_paths has no path for {some(without)}"]
    absent = [str(paths[stimulus_id]) for stimulus_id in ids if not Path(paths[stimulus_id]).is_file()]
    return [f"these stimulus files do not exist: {some(absent)}"] if absent else []


def _member_problems(proto_stimulus_set: StimulusSet) -> list[str]:
    """Every member must unpack to a place of its own below the folder, on every file system."""
    members = member_names(proto_stimulus_set)
    unsafe = [name for name in members if not _is_safe_member(name)]
    problems = [f"these file names may not stand in an archive: {some(unsafe)}"] if unsafe else []
    paths = proto_stimulus_set.stimulus_paths
    first: dict[str, tuple[str, Path]] = {}
    clashes = []
    for name, stimulus_id in zip(members, proto_stimulus_set["stimulus_id"], strict=True):
        source = Path(paths[stimulus_id])
        if first.setdefault(name.casefold(), (name, source)) != (name, source):
            clashes.append(name)
    if clashes:
        problems.append(
            f"these file names stand for two different files, or differ in case only, which macOS does not tell apart: "
            f"{some(clashes)}"
        )
    return problems


def _is_safe_member(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and not set(name) & set("\0\\\n\r")


def assembly_problems(assembly: xr.DataArray, assembly_class: type[DataAssembly]) -> list[str]:
    """List what keeps an assembly from being published as an object of that class."""
    problems = [f"the dimension {dim!r} has no elements" for dim, size in assembly.sizes.items() if size == 0]
    try:
        # Plain coordinates, so that nothing but the class decides what the assembly must look like.
        assembly_class(assembly).validate()
    except (AssertionError, FormatError) as error:
        problems.append(
            f"its dimensions {tuple(assembly.dims)} do not fit the class {assembly_class.__name__}"
            + (f": {error}" if str(error) else "")
        )
    return problems


def extra_problems(extras: Mapping[str, object], assembly: xr.DataArray) -> list[str]:
    """List what keeps arrays from being stored as groups beside an assembly, and loaded into its attrs."""
    problems = []
    for name, extra in extras.items():
        if not (isinstance(name, str) and name.isidentifier()) or name in _RESERVED:
            reserved = ", ".join(_RESERVED)
            problems.append(
                f"the extra {name!r} may not be named so; use letters, digits and underscores, and none of {reserved}"
            )
        elif name in assembly.coords or name in assembly.dims:
            problems.append(f"the extra {name!r} is named like a coordinate or dimension of the assembly; rename it")
        if not isinstance(extra, xr.DataArray):
            problems.append(f"the extra {name!r} is no xarray.DataArray but {type(extra).__name__}; make it one")
    return problems


def check_naming_convention(name: str) -> None:
    """Check that an identifier starts as `<lab>.<FirstAuthor><Year>` does.

    Raises
    ------
    PackagingError
        It does not.

    Examples
    --------
    >>> check_naming_convention("dicarlo.MajajHong2015")
    """
    if not _CONVENTION.match(name):
        raise PackagingError(f"{name!r} does not follow <lab>.<FirstAuthor><Year>, such as 'dicarlo.MajajHong2015'")


def check_stimulus_naming_convention(name: str) -> None:
    """Check that a stimulus file is named by a word and a number, such as `hvm_12.png`.

    Raises
    ------
    PackagingError
        It is not.
    """
    if not _STIMULUS_CONVENTION.match(name):
        raise PackagingError(f"the stimulus file {name!r} is not named <letters or digits>_<number>.png, .jpg or .mp4")


def check_image_format(image: object, identifier: str) -> None:
    """Check that an image (a `PIL.Image.Image` or an array) has colour channels: height x width x channels.

    Raises
    ------
    PackagingError
        It has another shape; the message names `identifier`.
    """
    shape = np.shape(np.asarray(image))
    if len(shape) != 3:
        raise PackagingError(
            f"{identifier}: incorrect shape {shape}; expected height x width x channels (convert the image to RGB)"
        )


def check_stimulus_numbers(stimulus_set: StimulusSet) -> None:
    """Check that the numbers at the end of the stimulus file names, sorted, follow one another.

    Raises
    ------
    PackagingError
        A file name has no number, or a number is missing or doubled.
    """
    numbers = _file_numbers(stimulus_set)
    if sorted(numbers) != list(range(min(numbers), min(numbers) + len(numbers))):
        raise PackagingError(f"the stimulus files are not numbered one after the other: {some(sorted(numbers))}")


def check_experiment_stimulus_set(stimulus_set: StimulusSet) -> None:
    """Check the stimuli of an experiment: files numbered from 1, named by the convention, images with colour channels.

    Raises
    ------
    PackagingError
        One of these does not hold.
    """
    check_stimulus_numbers(stimulus_set)
    if min(_file_numbers(stimulus_set)) != 1:
        raise PackagingError("the stimulus files are not numbered from 1")
    for stimulus_id, path in stimulus_set.stimulus_paths.items():
        check_stimulus_naming_convention(Path(path).name)
        if Path(path).suffix != ".mp4":
            _check_image_file(Path(path), stimulus_id)


def _check_image_file(path: Path, identifier: str) -> None:
    from PIL import Image

    with Image.open(path) as image:
        check_image_format(image, identifier)


def _file_numbers(stimulus_set: StimulusSet) -> list[int]:
    stems = [Path(path).stem for path in stimulus_set.stimulus_paths.values()]
    found = [re.search(r"[0-9]+$", stem) for stem in stems]
    without = [stem for stem, number in zip(stems, found, strict=True) if number is None]
    if without or not stems:
        raise PackagingError(f"these stimulus files have no number at the end of their name: {some(without) or 'none'}")
    return [int(number.group()) for number in found if number is not None]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_integer(value: object) -> bool:
    """Whether an id is a number, as older packages have them; it is written, and read back, as its text."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_id(value: object) -> bool:
    """Whether a value can be a `stimulus_id`: a text that is not empty, or a number as older packages have them."""
    return _is_text(value) or _is_integer(value)


def some(values: Sequence[object]) -> str:
    """Show the first values of a list, and how many more there are."""
    shown = ", ".join(repr(value) for value in values[:_SHOWN])
    return shown if len(values) <= _SHOWN else f"{shown} and {len(values) - _SHOWN} more"
