"""The published names of files: the one place that knows how an identifier becomes one."""

_PREFIXES = {"csv": "stimulus_", "zip": "stimulus_", "nc": "assy_"}


def file_name(identifier: str, part: str, prefix: str | None = None) -> str:
    """Return the published name of a file.

    Parameters
    ----------
    identifier : str
        Of the entry. Its dots become underscores.
    part : str
        `'csv'` or `'zip'` of a stimulus set, `'nc'` of an assembly.
    prefix : str, optional
        Another start than `stimulus_` and `assy_`, for example `image_`, as in 2021 and before.

    Examples
    --------
    >>> file_name("dicarlo.MajajHong2015", "nc")
    'assy_dicarlo_MajajHong2015.nc'
    """
    return f"{prefix or _PREFIXES[part]}{identifier.replace('.', '_')}.{part}"
