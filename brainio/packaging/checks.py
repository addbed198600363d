"""Checks before packaging: raise the problems that `brainio.validation` finds, and check optional naming conventions.

`raise_for_problems` reports all errors at once. The `check_*` functions, for the conventions of a lab, stop at the
first problem.
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


def raise_for_problems(subject: str, problems: Iterable[Problem]) -> None:
    """Raise one PackagingError that lists all errors; if there are none, warn of probable mistakes."""
    report = Report.of(subject, problems)
    if report.errors:
        raise PackagingError(f"{subject} cannot be packaged; nothing was written:{format_problems(report.errors)}")
    if report.warnings:
        warn(f"{subject} can be packaged, but check:{format_problems(report.warnings)}")


def warn(message: str) -> None:
    """Issue a PackagingWarning that names the line that called brainio."""
    warnings.warn(message, PackagingWarning, stacklevel=_count_brainio_frames() + 1)


def _count_brainio_frames() -> int:
    """Count the frames of brainio above this function."""
    count, frame = 0, inspect.currentframe()
    frame = None if frame is None else frame.f_back
    while frame is not None and frame.f_globals.get("__name__", "").startswith("brainio."):
        count, frame = count + 1, frame.f_back
    return count


def check_naming_convention(name: str) -> None:
    """Check that an identifier starts with `<lab>.<FirstAuthor><Year>`.

    Raises
    ------
    PackagingError
        It starts with other text.

    Examples
    --------
    >>> check_naming_convention("dicarlo.MajajHong2015")
    """
    if not _CONVENTION.match(name):
        raise PackagingError(f"{name!r} does not follow <lab>.<FirstAuthor><Year>, such as 'dicarlo.MajajHong2015'")


def check_stimulus_naming_convention(name: str) -> None:
    """Check that the name of a stimulus file is a word with a number, such as `hvm_12.png`.

    Raises
    ------
    PackagingError
        It has another form.
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
    """Check that the numbers at the end of the stimulus file names are consecutive.

    Raises
    ------
    PackagingError
        A file name has no number, or a number is missing or occurs twice.
    """
    numbers = _file_numbers(stimulus_set)
    if sorted(numbers) != list(range(min(numbers), min(numbers) + len(numbers))):
        raise PackagingError(f"the stimulus files are not numbered consecutively: {some(sorted(numbers))}")


def check_experiment_stimulus_set(stimulus_set: StimulusSet) -> None:
    """Check that the stimuli of an experiment have files numbered from 1, conventional names, and colour images.

    Raises
    ------
    PackagingError
        A file violates one of these rules.
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
    except Exception as error:  # decoders raise various errors for damaged files
        raise PackagingError(f"the image {path} of the stimulus {identifier!r} cannot be read: {error}") from error


def _file_numbers(stimulus_set: StimulusSet) -> list[int]:
    stems = [Path(path).stem for path in stimulus_set.stimulus_paths.values()]
    numbers = [re.search(r"[0-9]+$", stem) for stem in stems]
    unnumbered = [stem for stem, number in zip(stems, numbers, strict=True) if number is None]
    if unnumbered:
        raise PackagingError(f"these stimulus files have no number at the end of their name: {some(unnumbered)}")
    if not stems:
        raise PackagingError("the stimulus set has no stimulus files; set stimulus_paths")
    return [int(number.group()) for number in numbers if number is not None]
