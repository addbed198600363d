"""Metadata of the distribution; build system and tools are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

EXTRAS = {
    "dask": ["dask[array,distributed]"],
    "plot": ["matplotlib"],  # `assembly.plot`
    "video": ["av"],  # first frames of videos in notebooks and contact sheets
    "parquet": ["pyarrow"],  # packaging from parquet tables
    "stream": ["h5netcdf"],  # reading netCDF files where they lie
    "sql": ["alembic", "psycopg[binary]"],  # catalogs that live in a database
    # The catalogs in force over HTTP: `brainio serve`.
    "service": [
        "django-js-lib-htmx",
        "fastapi",
        "prometheus-client",
        "python-mimeparse",  # the header Accept
        "pydantic-settings",
        "structlog",
        "uvicorn[standard]>=0.54",
    ],
    # What the packaging scripts read and write: the patterns and thresholds of the demo; fMRI; sounds.
    "package-demo": ["stimupy==1.2.0", "nibabel", "scipy"],
}
EXTRAS["service"] += EXTRAS["sql"]
EXTRAS["demo"] = EXTRAS["plot"]  # the picture that the first example of the README writes
EXTRAS["test"] = [
    *EXTRAS["dask"],
    *EXTRAS["plot"],
    *EXTRAS["parquet"],
    *EXTRAS["service"],
    *EXTRAS["stream"],
    *EXTRAS["video"],
    "axe-playwright-python",  # axe-core, which finds what keeps people out of pages
    "filelock",  # what tests that run side by side share is made once
    "bibtexparser>=2",  # judge what is exported, as pybtex and mlcroissant do
    "boto3-stubs[s3]",
    "build",  # the distributions
    "html5lib",  # reads what notebooks are given
    "httpx",
    "hypothesis",
    "mlcroissant",
    "moto[s3,server]",
    "mypy",
    "nibabel",
    "pandas-stubs",
    "playwright",  # drives Debian's Chromium
    "pre-commit",
    "pybtex",
    "pytest",
    "pytest-xdist",
    "ruff",
    "setuptools>=77",  # installs the project that `brainio catalog init` makes
    "schemathesis",  # asks the service whatever its OpenAPI document allows
    "scipy",  # what stimupy draws with, and sounds are written with
    "twine",  # checks the metadata of the distributions
    "types-cachetools",
    "types-html5lib",
    "types-requests",
    "types-tabulate",
    "types-tqdm",
]

setup(
    name="brainio-data",  # `brainio` on the package index is another project; the import name is `brainio`
    version="2.0.0.dev0",
    description="Stimuli and neural recordings by identifier: fetched, verified, joined with their metadata",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT AND GPL-2.0-only AND BSD-3-Clause",  # the code; the data of brainio_demo
    license_files=["LICENSE", "catalogs/brainio_demo/LICENSE.md"],
    author="The brainio developers",
    python_requires=">=3.11",
    packages=[*find_packages(include=["brainio", "brainio.*"]), "brainio_catalogs"],
    package_dir={"brainio_catalogs": "catalogs"},
    package_data={
        "brainio": [
            "py.typed",
            "**/*.pyi",
            "packaging/template/*",
            "views/templates/*",
            "catalogs/backends/sql/migrations/**/*.py",
            "service/pages/templates/*",
            "service/assets/*",
            "service/migrations/*.py",
        ],
        "brainio_catalogs": ["*/*.csv", "*/facts/*.csv", "*/*.md", "*/cards/*.json", "*/cards/*/*.json", "*/files/*"],
    },
    install_requires=[
        "boto3",  # S3
        "cachetools",  # caches of the least recently used values, limited by size
        "click",  # command line
        "fsspec",  # every store that is neither S3 nor http
        "h5py>=3.12",  # inspects netCDF files before netCDF4 opens them
        "jinja2",  # what notebooks show of data
        "lazy_loader",  # names of packages that load when they are first used
        "netCDF4",  # assemblies on disk
        "numpy",
        "packaging>=24.2",  # SPDX licences; xarray installs it as well
        "pandas",
        "pillow",  # checks of image stimuli
        "pylatexenc",  # citations as LaTeX
        "requests",  # http
        "sqlalchemy>=2",  # the index that search asks
        "tabulate",  # tables on a terminal
        "tenacity",  # what broke in the middle is tried again
        "tomli-w",  # lock files
        "tqdm",  # progress, also in notebooks
        "xarray>=2026.9",  # the oldest that it was tried with: indexes and grouping build on its inner parts
    ],
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["brainio = brainio.cli:main"],
        "brainio_lookups": [
            "brainscore = brainio_catalogs:brainscore",
            "brainio_demo = brainio_catalogs:brainio_demo",
        ],
    },
    keywords="neuroscience stimuli recordings netCDF xarray catalog",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering",
        "Typing :: Typed",
    ],
)
