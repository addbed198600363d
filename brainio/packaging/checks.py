"""What packaging refuses, and the naming rules that a lab may ask for beyond that.

What can be wrong is known to `brainio.validation`: `refuse` raises all errors that it found at once, and tells its
warnings. The `check_*` functions stop at the first problem.
"""

from __future__ import annotations

import inspect
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainio.errors import PackagingError, PackagingWarning
from brainio.local_files import open_regular
from brainio.text import some
from brainio.validation import Problem, Report, format_problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainio.stimuli import StimulusSet

_CONVENTION = re.compile(r"[a-z]+\.[A-Z][A-Za-z0-9]+")
_STIMULUS_CONVENTION = re.compile(r"(?:[A-Za-z0-9]+_[0-9]+|[A-Za-z0-9]*[0-9])\.(?:png|jpg|mp4)")


def refuse(what: str, problems: Iterable[Problem]) -> None:
    """Raise one PackagingError that lists all errors; without any, warn of what is probably not meant so."""
    report = Report.of(what, problems)
    if report.errors:
        raise PackagingError(f"{what} cannot be packaged; nothing was written:{format_problems(report.errors)}")
    if report.warnings:
        tell(f"{what} can be packaged, but look at:{format_problems(report.warnings)}")


def tell(message: str) -> None:
    """Give a PackagingWarning that names the line of whoever called packaging."""
    warnings.warn(message, PackagingWarning, stacklevel=_frames_of_packaging() + 1)


def _frames_of_packaging() -> int:
    """Count the frames of this package from `tell` upwards: a warning names the line that called these."""
    count, frame = 0, inspect.currentframe()
    frame = None if frame is None else frame.f_back
    while frame is not None and frame.f_globals.get("__name__", "").startswith("brainio."):
        count, frame = count + 1, frame.f_back
    return count


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
    from brainio.views.decoders import open_image

    try:
        with open_regular(path) as file, open_image(file) as image:
            check_image_format(image, identifier)
    except PackagingError:
        raise
    except Exception as error:  # decoders stumble over damage in ways of their own
        raise PackagingError(f"the image {path} of the stimulus {identifier!r} cannot be read: {error}") from error


def _file_numbers(stimulus_set: StimulusSet) -> list[int]:
    stems = [Path(path).stem for path in stimulus_set.stimulus_paths.values()]
    found = [re.search(r"[0-9]+$", stem) for stem in stems]
    without = [stem for stem, number in zip(stems, found, strict=True) if number is None]
    if without or not stems:
        raise PackagingError(f"these stimulus files have no number at the end of their name: {some(without) or 'none'}")
    return [int(number.group()) for number in found if number is not None]
