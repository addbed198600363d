"""What a check found: for each assembly a report, or why there is none. Computes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brainio.errors import ValidationError
from brainio.text import printable
from brainio.validation import format_problems

if TYPE_CHECKING:
    import pandas as pd

    from brainio.catalogs import Entry
    from brainio.validation import Problem, Report

_WIDTH = 100


@dataclass(frozen=True)
class Checked:
    """What was found between an assembly and its stimulus set.

    Attributes
    ----------
    assembly : Entry
        Of its catalog.
    stimulus_set : Entry or None
        None where the assembly names none that is listed.
    report : Report or None
        None where their files were not looked at.
    reason : str
        Why they were not; empty where they were.
    """

    assembly: Entry
    stimulus_set: Entry | None
    report: Report | None
    reason: str = ""

    @property
    def result(self) -> str:
        """`'errors'`, `'warnings'`, `'sound'` (notes may be there) or `'not checked'`."""
        if self.report is None:
            return "not checked"
        return "errors" if self.report.errors else "warnings" if self.report.warnings else "sound"

    def record(self) -> dict[str, Any]:
        """Return it as a dict, for JSON."""
        return {
            "identifier": self.assembly.identifier,
            "version": self.assembly.version,
            "catalog": self.assembly.catalog,
            "stimulus_set_identifier": self.assembly.stimulus_set_identifier,
            "result": self.result,
            "reason": self.reason,
            "problems": self.report.records() if self.report else [],
        }


@dataclass(frozen=True)
class Checks:
    """What was found in all that was asked for. Printing it shows tables.

    Attributes
    ----------
    references : Report
        What is wrong in catalogs: stimulus sets and successors that are listed nowhere, cards that are not there.
    assemblies : tuple of Checked
        One for each assembly.
    """

    references: Report
    assemblies: tuple[Checked, ...]

    @property
    def ok(self) -> bool:
        """Whether no errors were found. What was not checked is none, see `unchecked`."""
        return not self.errors

    @property
    def errors(self) -> list[Problem]:
        """All errors, those of the catalogs first."""
        return [one for report in self._reports() for one in report.errors]

    @property
    def unchecked(self) -> list[Checked]:
        """The assemblies whose files were not looked at."""
        return [one for one in self.assemblies if one.report is None]

    @property
    def summary(self) -> str:
        """How many were checked, and how many have errors."""
        bad = sum(one.result == "errors" for one in self.assemblies)
        checked = len(self.assemblies) - len(self.unchecked)
        told = f"{checked} of {len(self.assemblies)} assemblies checked, {bad or 'none'} of them with errors"
        return told + (f"; errors in {self.references.subject}" if self.references.errors else "")

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each assembly: `identifier, version, catalog, stimulus_set_identifier, result, reason`."""
        import pandas as pd

        columns = ["identifier", "version", "catalog", "stimulus_set_identifier", "result", "reason"]
        return pd.DataFrame([one.record() for one in self.assemblies], columns=columns)

    def records(self) -> dict[str, Any]:
        """Return all as dicts and lists, for JSON."""
        references = {"subject": self.references.subject, "problems": self.references.records()}
        return {"ok": self.ok, "references": references, "assemblies": [one.record() for one in self.assemblies]}

    def table(self, width: int = _WIDTH) -> str:
        """Show a line for each assembly, then the problems of each.

        Parameters
        ----------
        width : int, default 100
            Columns of the terminal.
        """
        from tabulate import tabulate

        rows = [
            (one.assembly.identifier, one.assembly.stimulus_set_identifier, one.result, _first_line(one.reason))
            for one in self.assemblies
        ]
        parts = (
            [tabulate(rows, ("assembly", "stimulus set", "result", "reason"), disable_numparse=True)] if rows else []
        )
        parts += [report.table(width) for report in self._reports() if report.problems]
        return printable("\n\n".join([*parts, self.summary]))

    def __str__(self) -> str:
        return self.table()

    def require_ok(self) -> None:
        """Do nothing if there are no errors.

        Raises
        ------
        ValidationError
            There are; the message lists them.
        """
        if self.errors:
            raise ValidationError(f"there are errors:{format_problems(self.errors)}")

    def _reports(self) -> list[Report]:
        return [self.references, *(one.report for one in self.assemblies if one.report is not None)]


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
