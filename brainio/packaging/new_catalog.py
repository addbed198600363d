"""New catalogs: create the project of a catalog with its distribution, an example packaging script, tests and CI."""

import keyword
from importlib.resources import files
from pathlib import Path
from string import Template

from brainio.catalogs.entries import REQUIRED_COLUMNS
from brainio.errors import CatalogError
from brainio.local_files import absolute_path


def new_catalog(name: str, parent: Path | None = None) -> Path:
    """Create the folder of a new catalog's project, ready to be installed, extended and checked.

    Parameters
    ----------
    name : str
        Identifier of the catalog: a lower-case Python identifier, such as `'my_lab'`.
    parent : Path, optional
        The folder to create it in; by default the working folder.

    Returns
    -------
    Path
        The new folder, named after the catalog.

    Raises
    ------
    CatalogError
        The name is not a valid package name, or the folder exists already. Nothing was written.

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
        raise CatalogError(f"{folder} exists already; nothing was written. Choose another name or folder") from None
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
