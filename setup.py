"""Metadata of the distribution; build system and tools are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

EXTRAS = {
    "dask": ["dask[array,distributed]"],
    "plot": ["matplotlib"],  # `assembly.plot`
    "video": ["av"],  # first frames of videos in notebooks and contact sheets
    "parquet": ["pyarrow"],  # packaging from parquet tables
    "stream": ["h5netcdf"],  # reading netCDF files at their location, without fetching them
    "sql": ["alembic", "psycopg[binary]"],  # catalogs in a database
    # `brainio serve`: the active catalogs over HTTP.
    "service": [
        "django-js-lib-htmx",
        "fastapi",
        "prometheus-client",
        "python-mimeparse",  # the header Accept
        "pydantic-settings",
        "structlog",
        "uvicorn[standard]>=0.54",
    ],
    # The packaging scripts: patterns and thresholds of the demo, fMRI, sounds.
    "package-demo": ["stimupy==1.2.0", "nibabel", "scipy"],
}
EXTRAS["service"] += EXTRAS["sql"]
EXTRAS["demo"] = EXTRAS["plot"]  # the plot in the first example of the README
EXTRAS["test"] = [
    *EXTRAS["dask"],
    *EXTRAS["plot"],
    *EXTRAS["parquet"],
    *EXTRAS["service"],
    *EXTRAS["stream"],
    *EXTRAS["video"],
    "axe-playwright-python",  # axe-core checks the accessibility of pages
    "filelock",  # fixtures that parallel test processes share
    "bibtexparser>=2",  # checks exports, as pybtex and mlcroissant do
    "boto3-stubs[s3]",
    "build",  # builds the distributions
    "html5lib",  # parses HTML for notebooks
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
    "setuptools>=77",  # installs the project that `brainio catalog init` creates
    "schemathesis",  # sends requests that the OpenAPI document of the service allows
    "scipy",  # used by stimupy, and to write sounds
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
    license="MIT AND GPL-2.0-only AND BSD-3-Clause",  # of the code; of the data of brainio_demo
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
        "cachetools",  # LRU caches of limited size
        "click",  # command line
        "fsspec",  # stores other than S3 and HTTP
        "h5py>=3.12",  # inspects netCDF files before netCDF4 opens them
        "jinja2",  # HTML views in notebooks
        "lazy_loader",  # lazy imports
        "netCDF4",  # assemblies on disk
        "numpy",
        "packaging>=24.2",  # SPDX licences; xarray installs it as well
        "pandas",
        "pillow",  # checks of image stimuli
        "pylatexenc",  # citations as LaTeX
        "requests",  # http
        "sqlalchemy>=2",  # the search index, and catalogs in databases
        "tabulate",  # tables in a terminal
        "tenacity",  # retries
        "tomli-w",  # lock files
        "tqdm",  # progress, also in notebooks
        "xarray>=2026.9",  # the oldest tested version: indexes and grouping use its private API
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
