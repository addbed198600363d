"""Tables of text that fit the width of a terminal.

Columns without any value are omitted. Cells that do not fit get an ellipsis: in the middle if their end identifies
them, as in paths and identifiers, else at the end. The first column is shortened after most others, and short facts
such as years last.
"""

from collections.abc import Sequence

from brainio.text import shorten

_MIN_FIRST_COLUMN, _MIN_COLUMN, _MIN_CELL = 24, 8, 3  # characters
_GAP = 2  # characters between columns
_CUT_IN_THE_MIDDLE = {"identifier", "entry", "path", "location", "folder", "card", "file", "assembly", "stimulus set"}
_SHORTENED_LAST = {"kind", "size", "last use", "version", "year", "result", "equal in", "load"}  # worthless in part


def format_table(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> str:
    """Format a table as text.

    Parameters
    ----------
    headers : sequence of str
        The names of the columns.
    rows : sequence of sequence of str
        A cell for each column.
    width : int or None
        The number of columns of the terminal; None keeps every cell whole.

    Examples
    --------
    >>> print(format_table(["identifier", "note"], [["dicarlo.MajajHong2015", "recorded in V4 and IT"]], 34))
    identifier             note
    ---------------------  -----------
    dicarlo.MajajHong2015  recorded i…
    """
    from tabulate import tabulate

    if width is None:
        return str(tabulate(rows, headers, tablefmt="simple", disable_numparse=True))
    widths = fit_columns(headers, rows, width)
    cells = [[shorten_cell(headers[number], row[number], room) for number, room in widths.items()] for row in rows]
    first = [[shorten(headers[number], room) for number, room in widths.items()], ["-" * n for n in widths.values()]]
    table: str = tabulate([*first, *cells], tablefmt="plain", disable_numparse=True)  # `simple` widens the headers
    return "\n".join(line.rstrip() for line in table.splitlines())


def fit_columns(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> dict[int, int]:
    """Return the width of each column in characters, by its number, without empty columns.

    The widest of the other columns are shortened first, then the first column, then those that are worthless in part.
    """
    filled = [number for number in range(len(headers)) if not rows or any(row[number] for row in rows)]
    widths = {number: max(map(len, [headers[number], *(row[number] for row in rows)])) for number in filled}
    others = [number for number in filled[1:] if headers[number] not in _SHORTENED_LAST]
    last = [number for number in filled[1:] if headers[number] in _SHORTENED_LAST]
    excess = sum(widths.values()) + _GAP * (len(widths) - 1) - width
    rounds = ((others, _MIN_COLUMN), (filled[:1], _MIN_FIRST_COLUMN), (last, _MIN_COLUMN), (filled, _MIN_CELL))
    for candidates, minimum in rounds:
        while excess > 0 and any(widths[number] > minimum for number in candidates):
            widths[max(candidates, key=widths.__getitem__)] -= 1
            excess -= 1
    return widths


def shorten_cell(header: str, text: str, width: int) -> str:
    """Shorten a cell where its column can be cut."""
    return shorten(text, width, keep_end=header in _CUT_IN_THE_MIDDLE)
