"""What two stimulus sets have in common, for people and programs. Reads no files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from brainio.relations.matching import BYTES, DIFFERENT, UNKNOWN, Contents, Match, counts, duplicates, matches
from brainio.text import printable, printable_line, some

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 10
_IN_WORDS = {"id": "same id", BYTES: "same bytes", "content": "same content"}


@dataclass(frozen=True)
class Side:
    """One of two sets that were compared.

    Attributes
    ----------
    name : str
        What it is called.
    same : dict
        `'id'`, `'bytes'`, `'content'` -> how many of its stimuli have an equal in the other set.
    contents : dict
        Stimulus id -> what its file holds.
    """

    name: str
    same: dict[str, int]
    contents: Contents = field(repr=False)

    @property
    def share(self) -> float:
        """The share of its stimuli whose content is in the other set: 0 to 1; 0 of an empty set."""
        return self.same["content"] / max(1, len(self.contents))

    @property
    def duplicates(self) -> list[tuple[tuple[str, ...], str]]:
        """Stimuli that are equal to others in the same set: groups of ids, and what is equal."""
        return duplicates(self.contents)

    @property
    def unread(self) -> dict[str, str]:
        """Stimuli whose file cannot be read or decoded -> why; they are compared by bytes at most."""
        return {stimulus_id: one.fault for stimulus_id, one in self.contents.items() if one.fault}

    def part(self, kind: str) -> str:
        """Say how many of its stimuli have an equal in the other set."""
        count = self.same[kind]
        return f"{count:,} ({count / max(1, len(self.contents)):.1%})"

    def record(self) -> dict[str, Any]:
        """Return what is known of it as a dict, for JSON."""
        return {
            "name": self.name,
            "stimuli": len(self.contents),
            **{f"same_{kind}": count for kind, count in self.same.items()},
            "share": self.share,
            "duplicates": [{"stimuli": list(ids), "kind": kind} for ids, kind in self.duplicates],
            "unread": self.unread,
        }

    def doubts(self) -> list[str]:
        """Say what repeats, and what cannot be read."""
        told, repeats, unread = [], self.duplicates, self.unread
        if repeats:
            count, (first, kind) = sum(len(ids) - 1 for ids, _ in repeats), repeats[0]
            told.append(
                f"{count:,} stimuli of {self.name} repeat others in it, such as {some(first)} (equal in {kind})"
            )
        if unread:
            first_id, why = next(iter(unread.items()))
            such_as = f"such as {first_id!r}: {printable_line(why)}"
            told.append(f"{len(unread):,} files of {self.name} cannot be read or decoded, {such_as}")
        return told


@dataclass(frozen=True)
class Overlap:
    """Which stimuli two sets share. Printing it shows counts, the first of them, and what is doubtful.

    Content is the pixels of images, the samples of WAV sounds, and the bytes of all other files.

    Attributes
    ----------
    a, b : Side
        The sets: `name`, `share`, `same`, `duplicates`, `unread`.
    matches : list of Match
        Stimuli that are equal, and those of the same id that are not. Each shared stimulus is in one at least; where
        several of one set are equal, not with each of the other.
    """

    a: Side
    b: Side
    matches: list[Match] = field(repr=False)

    @classmethod
    def of(cls, name_a: str, contents_a: Contents, name_b: str, contents_b: Contents) -> Overlap:
        """Compare two sets."""
        same = counts(contents_a, contents_b)
        same_a, same_b = ({kind: both[place] for kind, both in same.items()} for place in range(2))
        found = matches(contents_a, contents_b)
        return cls(Side(name_a, same_a, contents_a), Side(name_b, same_b, contents_b), found)

    @property
    def is_disjoint(self) -> bool:
        """Whether no content is in both, as far as files can be read."""
        return not self.a.same["content"]

    @property
    def unknown(self) -> int:
        """How many files of both cannot be read at all, so that nobody knows whether they are shared."""
        return sum(not one.sha1 for side in (self.a, self.b) for one in side.contents.values())

    @property
    def contradictions(self) -> list[str]:
        """The ids that both sets have, for different content."""
        return [match.a for match in self.matches if match.kind == DIFFERENT]

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each match: `stimulus_a, stimulus_b, kind, same_id`; see `Match` on kinds."""
        import pandas as pd

        rows = [(*match, match.same_id) for match in self.matches]
        return pd.DataFrame(rows, columns=["stimulus_a", "stimulus_b", "kind", "same_id"])

    def record(self) -> dict[str, Any]:
        """Return all as dicts and lists, for JSON."""
        return {
            "a": self.a.record(),
            "b": self.b.record(),
            "is_disjoint": self.is_disjoint,
            "contradictions": self.contradictions,
            "matches": [{**match._asdict(), "same_id": match.same_id} for match in self.matches],
        }

    def __str__(self) -> str:
        told = [self._counts(), self._first_matches(), *self.a.doubts()]
        if self.contradictions:
            count = len(self.contradictions)
            told.append(f"{count:,} ids stand for different content in both: {some(self.contradictions)}")
        return printable("\n\n".join(dict.fromkeys([*told, *self.b.doubts()])))

    def _counts(self) -> str:
        from tabulate import tabulate

        sides = (self.a, self.b)
        rows = [["stimuli", *(f"{len(side.contents):,}" for side in sides)]]
        rows += [[words, *(side.part(kind) for side in sides)] for kind, words in _IN_WORDS.items()]
        return tabulate(rows, ["", *(f"of {side.name}" for side in sides)], disable_numparse=True)

    def _first_matches(self) -> str:
        from tabulate import tabulate

        equal = [match for match in self.matches if match.kind not in (DIFFERENT, UNKNOWN)]
        if not equal:
            return "No stimulus is shared."
        rows = [list(map(printable_line, match)) for match in equal[:_SHOWN]]
        table = tabulate(rows, (self.a.name, self.b.name, "equal in"), disable_numparse=True)
        more = len(equal) - _SHOWN
        return table + (f"\n... and {more:,} more" if more > 0 else "")
