"""What validation finds: a `Problem` with its place and its remedy, and the `Report` of all problems of one subject.

Knows no data; how reports look on a terminal is in `layout`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

from brainio.errors import UnsafeFileError, ValidationError, WorkerError
from brainio.text import printable, quantity
from brainio.validation.layout import DEFAULT_WIDTH, section
from brainio.validation.rules import RULES, SEVERITIES, Severity

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or worth knowing.

    Attributes
    ----------
    severity : str
        `'error'`, `'warning'` or `'note'`.
    code : str
        Its kind, such as `'id-doubled'`; `brainio.validation.RULES` has all of them.
    place : str
        Where, such as `'row 3'` (counted from 0), `'line 5'` of a file (from 1), or `"coordinate 'region'"`.
    expected : str
        What holds for sound data.
    found : str
        What is there.
    fix : str
        What to do.

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
        """Return it as a dict of text, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return printable(f"{self.place}: found {self.found}; expected: {self.expected}. Fix: {self.fix}")


_UNSAFE = "do not trust the file: export the original data again, without links and external storage"


def problem(code: str, place: str, found: str, *, expected: str | None = None, fix: str | None = None) -> Problem:
    """Make a problem of a known code; what is not said is taken from its rule."""
    rule = RULES[code]
    return Problem(rule.severity, code, place, expected or rule.expected, found, fix or rule.fix)


def unreadable_assembly(path: Path, error: Exception) -> Problem:
    """Make the problem of a netCDF file that cannot be read, or must not be."""
    fix = _UNSAFE if isinstance(error, UnsafeFileError) else None
    return problem("assembly-unreadable", f"file {path.name}", str(error), fix=fix)


def problems_from(records: object) -> list[Problem]:
    """Return the problems that a worker process found, from their records.

    Raises
    ------
    WorkerError
        These are other data: a file may have taken over the process that read it.
    """
    try:
        assert isinstance(records, list)  # noqa: S101 - caught below
        fields: list[dict[str, Any]] = [{str(name): str(text) for name, text in one.items()} for one in records]
        problems = [Problem(**each) for each in fields]
    except (AssertionError, AttributeError, TypeError) as error:
        raise WorkerError("the worker process answered with something other than problems") from error
    if any(one.code not in RULES or one.severity not in SEVERITIES for one in problems):
        raise WorkerError("the worker process answered with problems that have no rule")
    return problems


@dataclass(frozen=True, slots=True)
class Report:
    """All that validation found in one subject. Printing it shows a table.

    Attributes
    ----------
    subject : str
        What was looked at, in words.
    problems : tuple of Problem
        The gravest first, otherwise in the order in which they were found.
    columns : tuple of str
        Of a stimulus set: the name of each column with its type, as packaging stores it.

    Examples
    --------
    >>> report = Report.of("the stimulus set 'lab.Doe2026'", [problem("table-empty", "table", "no rows")])
    >>> report.ok, [one.code for one in report.errors]
    (False, ['table-empty'])
    """

    subject: str
    problems: tuple[Problem, ...] = ()
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, subject: str, problems: Iterable[Problem], columns: Iterable[str] = ()) -> "Report":
        """Make a report; problems are sorted by severity, and what was found twice is said once."""
        ordered = sorted(dict.fromkeys(problems), key=lambda one: SEVERITIES.index(one.severity))
        return cls(subject, tuple(ordered), tuple(columns))

    @property
    def ok(self) -> bool:
        """Whether there are no errors; warnings and notes may be there."""
        return not self.errors

    @property
    def errors(self) -> list[Problem]:
        """What packaging refuses."""
        return self._of("error")

    @property
    def warnings(self) -> list[Problem]:
        """What is probably wrong, and can be packaged all the same."""
        return self._of("warning")

    @property
    def notes(self) -> list[Problem]:
        """What is worth knowing."""
        return self._of("note")

    def _of(self, severity: Severity) -> list[Problem]:
        return [one for one in self.problems if one.severity == severity]

    @property
    def summary(self) -> str:
        """The subject, and how many problems of each severity there are."""
        counts = [(len(self._of(severity)), severity) for severity in SEVERITIES]
        told = [quantity(count, word) for count, word in counts if count]
        return f"{self.subject}: {', '.join(told) or 'no problems'}"

    def table(self, width: int = DEFAULT_WIDTH) -> str:
        """Show all problems by severity and code, with expected and fix once a code.

        Parameters
        ----------
        width : int, default 100
            Columns of the terminal. Of one code the first five places are shown; `records` has all.

        Returns
        -------
        str
            Lines; without problems the summary alone.
        """
        parts = [self.summary]
        if self.columns:
            parts[0] += "\n" + fill(f"columns: {'; '.join(self.columns)}", width, subsequent_indent="  ")
        for severity in SEVERITIES:
            by_code = _by_code(self._of(severity))
            if by_code:
                parts.append(section(f"{severity}s", by_code, width, _SHOWN))
        return printable("\n\n".join(parts))

    def __str__(self) -> str:
        return self.table()

    def records(self) -> list[dict[str, str]]:
        """Return each problem as a dict of text, for JSON."""
        return [one.record() for one in self.problems]

    def require_ok(self) -> None:
        """Do nothing if there are no errors.

        Raises
        ------
        ValidationError
            There are; the message lists them.
        """
        if self.errors:
            raise ValidationError(f"{self.subject} has errors:{listed(self.errors)}")


def listed(problems: Sequence[Problem]) -> str:
    """Return problems as lines of a message, of each code the first five."""
    lines = []
    for ones in _by_code(problems).values():
        lines += [f"[{one.code}] {one}" for one in ones[:_SHOWN]]
        if len(ones) > _SHOWN:
            lines.append(f"[{ones[0].code}] and {len(ones) - _SHOWN} more")
    return "".join(f"\n  - {line}" for line in lines)


def _by_code(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    grouped: dict[str, list[Problem]] = defaultdict(list)
    for one in problems:
        grouped[one.code].append(one)
    return grouped
