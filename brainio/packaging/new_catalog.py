"""Makes the project of a new catalog: a distribution that offers it, a packaging script to start from, tests, CI."""

import keyword
from importlib.resources import files
from pathlib import Path
from string import Template

from brainio.catalogs.entries import REQUIRED_COLUMNS
from brainio.errors import CatalogError
from brainio.home import absolute_path


def new_catalog(name: str, parent: Path | None = None) -> Path:
    """Make a folder with a new catalog's project, which can be installed, extended and checked at once.

    Parameters
    ----------
    name : str
        Identifier of the catalog: a Python name in lower case, such as `'my_lab'`.
    parent : Path, optional
        Where the folder is made; default: the working folder.

    Returns
    -------
    Path
        The folder, which is named as the catalog.

    Raises
    ------
    CatalogError
        The name cannot be that of a package, or the folder is there already. Nothing was written.

    Examples
    --------
    >>> folder = new_catalog("my_lab")
    >>> sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    ['README.md', 'my_lab_catalog', 'packaging_scripts', 'pyproject.toml', 'tests']
    """
    if not (name.isascii() and name.isidentifier() and name == name.lower()) or keyword.iskeyword(name):
        raise CatalogError(
            f"{name!r} cannot name a catalog; expected lower-case letters, digits and underscores, such as 'my_lab'"
        )
    folder = absolute_path(Path(parent or ".", name))
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise CatalogError(f"{folder} is there already; nothing was written. Choose another name or folder") from None
    package = f"{name}_catalog"
    fields = {"name": name, "package": package, "distribution": package.replace("_", "-")}
    for source, target in _FILES.items():
        path = folder / Template(target).substitute(fields)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = files("brainio.packaging").joinpath("template", source).read_text(encoding="utf-8")
        path.write_text(Template(text).safe_substitute(fields), encoding="utf-8")
    (folder / package / f"{name}.csv").write_text(",".join(REQUIRED_COLUMNS) + "\n", encoding="utf-8")
    return folder


_FILES = {
    "README.md": "README.md",
    "pyproject.toml.txt": "pyproject.toml",
    "gitignore": ".gitignore",
    "check.yml": ".github/workflows/check.yml",
    "package.py.txt": "$package/__init__.py",
    "publications.csv": "$package/publications.csv",
    "package_example.py.txt": "packaging_scripts/package_example.py",
    "test_catalog.py.txt": "tests/test_catalog.py",
}
