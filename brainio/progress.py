"""The one progress bar: the bytes of a transfer, on a terminal; silence elsewhere."""

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm


def transfer_bar(name: str, size: int | None) -> "tqdm[NoReturn]":
    """Return a bar for the transfer of a file, a context manager; it goes away when the file is there.

    Parameters
    ----------
    name : str
        Shown before the bar.
    size : int or None
        Bytes; None where nobody knows.

    Examples
    --------
    >>> with transfer_bar("assy_lab_Doe2026.nc", 3) as bar:
    ...     bar.update(3)
    """
    from tqdm import tqdm

    return tqdm(desc=name, total=size, unit="B", unit_scale=True, unit_divisor=1024, disable=None, leave=False)
