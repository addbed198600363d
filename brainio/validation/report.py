"""Problems that validation finds, and reports of them for terminals and programs.

Files that could crash or hang a library are checked in a worker process, which returns problems as records.
"""

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from brainio.errors import AssemblyFormatError, UnsafeFileError, ValidationError, WorkerError
from brainio.text import printable, quantity
from brainio.validation.rules import RULES, SEVERITIES, Severity
from brainio.worker_process import call_in_worker

_SHOWN = 5  # problems of one code
_DEFAULT_WIDTH = 100
_LONGEST_PLACE = 36
_INDENT = 2
_LABELS = 10  # columns of "expected  "
_MOST_PLACES = 10_000  # of one code: a file may have a billion presentations without a stimulus
_UNSAFE = "do not trust the file: export the original data again, without links and external storage"


@dataclass(frozen=True, slots=True)
class Problem:
    """Describe one finding of validation.

    Attributes
    ----------
    severity : str
        `'error'`, `'warning'` or `'note'`.
    code : str
        Kind of problem, such as `'id-doubled'`; `brainio.validation.RULES` lists all codes.
    place : str
        Where it is, such as `'row 3'` (counted from 0), `'line 5'` of a file (from 1), or `"coordinate 'region'"`.
    expected : str
        The property of valid data.
    found : str
        The data that violate it.
    fix : str
        Next step for the user.

    Examples
    --------
    >>> print(problem("table-empty", "table", "no rows"))
    table: found no rows; expected: one row for each stimulus. Fix: add rows
    """

    severity: Severity
    code: str
    place: str
    expected: str
    found: str
    fix: str

    def record(self) -> dict[str, str]:
        """Return the problem as a dict of text, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return printable(f"{self.place}: found {self.found}; expected: {self.expected}. Fix: {self.fix}")


def problem(code: str, place: str, found: str, *, expected: str | None = None, fix: str | None = None) -> Problem:
    """Create a problem; its rule gives the severity and, by default, the expectation and the fix."""
    rule = RULES[code]
    return Problem(rule.severity, code, place, expected or rule.expected, found, fix or rule.fix)


def unreadable_assembly(path: Path, error: Exception) -> Problem:
    """Create the problem of a netCDF file that is unreadable or unsafe."""
    fix = _UNSAFE if isinstance(error, UnsafeFileError) else None
    return problem("assembly-unreadable", f"file {path.name}", str(error), fix=fix)


def problems_in_worker(function: str, arguments: list[Any], path: Path, lists: int) -> list[list[Problem]]:
    """Run a function that lists problems in a worker process; report a file that crashes it as a problem.

    Parameters
    ----------
    function : str
        `module:function`; returns lists of records, see `to_records`.
    arguments : list
        See `brainio.worker_process.WorkerProcess.call`.
    path : Path
        The file that the function reads.
    lists : int
        Number of lists that the function returns.
    """
    try:
        answer = call_in_worker(function, arguments, subject=str(path), paths=[path])
        problems = [_problems_from(records) for records in answer]
    except (WorkerError, AssemblyFormatError) as error:  # the latter if a block of values is damaged
        problems = [[unreadable_assembly(path, error)]]
    return [*problems, *([] for _ in range(lists - len(problems)))]


def _problems_from(records: object) -> list[Problem]:
    """Convert the answer of a worker process to problems.

    Raises
    ------
    WorkerError
        The answer has another form: a file may have taken over the process that read it.
    """
    try:
        assert isinstance(records, list)  # noqa: S101 - caught below
        fields: list[dict[str, Any]] = [{str(name): str(text) for name, text in record.items()} for record in records]
        problems = [Problem(**values) for values in fields]
    except (AssertionError, AttributeError, TypeError) as error:
        raise WorkerError("the worker process answered with something other than problems") from error
    if any(item.code not in RULES or item.severity not in SEVERITIES for item in problems):
        raise WorkerError("the worker process answered with problems that have no rule")
    return problems


def to_records(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """Convert problems to dicts: the first 10,000 of each code, and the number of further ones."""
    counts: Counter[str] = Counter()
    records = []
    for item in problems:
        counts[item.code] += 1
        if counts[item.code] <= _MOST_PLACES:
            records += [item.record()]
    for code, count in counts.items():
        if count > _MOST_PLACES:
            records.append(problem(code, f"{count - _MOST_PLACES:,} further places", "the same").record())
    return records


@dataclass(frozen=True, slots=True)
class Report:
    """The problems of one subject. Printing a report shows a table.

    Attributes
    ----------
    subject : str
        Description of the validated data.
    problems : tuple of Problem
        The most severe first, otherwise in the order in which they were found.
    columns : tuple of str
        Of a stimulus set: the name of each column with its type, as packaging stores it.

    Examples
    --------
    >>> report = Report.of("the stimulus set 'lab.Doe2026'", [problem("table-empty", "table", "no rows")])
    >>> report.ok, [error.code for error in report.errors]
    (False, ['table-empty'])
    """

    subject: str
    problems: tuple[Problem, ...] = ()
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, subject: str, problems: Iterable[Problem], columns: Iterable[str] = ()) -> "Report":
        """Create a report: drop duplicate problems and sort the others by severity."""
        ordered = sorted(dict.fromkeys(problems), key=lambda item: SEVERITIES.index(item.severity))
        return cls(subject, tuple(ordered), tuple(columns))

    @property
    def ok(self) -> bool:
        """Whether there are no errors; there may be warnings and notes."""
        return not self.errors

    @property
    def errors(self) -> list[Problem]:
        """Problems that keep packaging from accepting the data."""
        return self._with_severity("error")

    @property
    def warnings(self) -> list[Problem]:
        """Probable mistakes, which packaging accepts."""
        return self._with_severity("warning")

    @property
    def notes(self) -> list[Problem]:
        """Observations that may be intended."""
        return self._with_severity("note")

    def _with_severity(self, severity: Severity) -> list[Problem]:
        return [item for item in self.problems if item.severity == severity]

    @property
    def summary(self) -> str:
        """The subject, and the number of problems of each severity."""
        counts = [(len(self._with_severity(severity)), severity) for severity in SEVERITIES]
        quantities = [quantity(count, severity) for count, severity in counts if count]
        return f"{self.subject}: {', '.join(quantities) or 'no problems'}"

    def table(self, width: int = _DEFAULT_WIDTH) -> str:
        """Format the problems by severity and code, with expectation and fix once per code.

        Parameters
        ----------
        width : int, default 100
            Columns of the terminal. The table shows the first five places of each code; `records` returns all.

        Returns
        -------
        str
            Several lines; only the summary if there are no problems.
        """
        parts = [self.summary]
        if self.columns:
            parts[0] += "\n" + textwrap.fill(f"columns: {'; '.join(self.columns)}", width, subsequent_indent="  ")
        for severity in SEVERITIES:
            by_code = _by_code(self._with_severity(severity))
            if by_code:
                parts.append(_format_section(f"{severity}s", by_code, width))
        return printable("\n\n".join(parts))

    def __str__(self) -> str:
        return self.table()

    def records(self) -> list[dict[str, str]]:
        """Return each problem as a dict of text, for JSON."""
        return [item.record() for item in self.problems]

    def require_ok(self) -> None:
        """Check that the report has no errors.

        Raises
        ------
        ValidationError
            There are errors; the message lists them.
        """
        if self.errors:
            raise ValidationError(f"{self.subject} has errors:{format_problems(self.errors)}")


def format_problems(problems: Sequence[Problem]) -> str:
    """Format problems as lines of a message, the first five of each code."""
    lines = []
    for code, group in _by_code(problems).items():
        lines += [f"[{code}] {item}" for item in group[:_SHOWN]]
        if len(group) > _SHOWN:
            lines.append(f"[{code}] and {len(group) - _SHOWN} more")
    return "".join(f"\n  - {line}" for line in lines)


def _by_code(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    groups: dict[str, list[Problem]] = defaultdict(list)
    for item in problems:
        groups[item.code].append(item)
    return groups


def _format_section(title: str, by_code: Mapping[str, Sequence[Problem]], width: int) -> str:
    """Format the problems of one severity."""
    places = [item.place for problems in by_code.values() for item in problems[:_SHOWN]]
    place_width = max(_LABELS, min(max(map(len, places)), _LONGEST_PLACE, width // 3))
    blocks = [_format_block(code, problems, (place_width, width)) for code, problems in by_code.items()]
    return "\n\n".join([f"{title.upper()}\n{'=' * len(title)}", *blocks])


def _format_block(code: str, problems: Sequence[Problem], widths: tuple[int, int]) -> str:
    """Format the problems of one code: each place with its finding, then each expectation with its fix."""
    shown = problems[:_SHOWN]
    lines = [code]
    for item in shown:
        lines += _format_row(item.place, item.found, widths)
    if len(problems) > _SHOWN:
        lines += _format_row("", f"... and {len(problems) - _SHOWN} more", widths)
    for expected, fix in dict.fromkeys((item.expected, item.fix) for item in shown):
        lines += _format_row("expected", expected, widths) + _format_row("fix", fix, widths)
    return "\n".join(lines)


def _format_row(left: str, right: str, widths: tuple[int, int]) -> list[str]:
    """Wrap two cells side by side."""
    left_width, width = widths
    cells = zip_longest(
        textwrap.wrap(left, left_width),
        textwrap.wrap(right, width - left_width - 2 * _INDENT),
        fillvalue="",
    )
    return [f"{'':{_INDENT}}{cell:{left_width}}{'':{_INDENT}}{other}".rstrip() for cell, other in cells]
