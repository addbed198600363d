"""Write a catalog of scripts and markup that pages must not run: `python -m tests.browser.hostile_catalog FOLDER`."""

import csv
import hashlib
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from brainio.assemblies import NeuroidAssembly
from brainio.cards import build_profile
from brainio.catalogs import listing
from brainio.catalogs.registry import add_catalog
from brainio.packaging import write_netcdf

CATALOG = "evil"
SCRIPT = "<script>alert('script')</script>"
IMAGE = '"><img src=x onerror="alert(\'image\')">'
ATTRIBUTE = "' onmouseover='alert(1)' autofocus onfocus='alert(2)"
LINK = "javascript:alert('link')"
TEMPLATE = "{{7*7}}${7*7}<%= 7*7 %>"
BIDIRECTIONAL = "\u202egnp.exe\u2066x"
END = "</script><script>alert('end')</script><!--"
LONG = "W" * 3000
HOSTILE_TEXTS = (SCRIPT, IMAGE, ATTRIBUTE, LINK, TEMPLATE, BIDIRECTIONAL, END, LONG)
COLUMNS = 9_998  # with `stimulus_id` and `filename`, the largest number that a stimulus set may have
VALUES = 10_000


def make_catalog(folder: Path) -> Path:
    """Write the catalog `evil`, with a stimulus set and an assembly for each hostile text."""
    (folder / "files").mkdir(parents=True)
    rows: list[dict[str, str]] = []
    for number, hostile in enumerate(HOSTILE_TEXTS):
        name = f"lab.{hostile[:200]}{number}"
        rows += _stimuli(folder, name, number, hostile)
        rows += _assembly(folder, name, number, hostile)
    rows += _large_sets(folder)
    catalog = folder / f"{CATALOG}.csv"
    with catalog.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    _publications(folder)
    return catalog


def _row(folder: Path, identifier: str, kind: str, class_name: str, path: Path, **more: str) -> dict[str, str]:
    row = dict.fromkeys(("license", "publication", "card", "aliases", "status", "stimulus_set_identifier"), "")
    return {
        "identifier": identifier,
        "lookup_type": kind,
        "class": class_name,
        "location_type": "file",
        "location": path.relative_to(folder).as_posix(),
        "sha1": hashlib.sha1(path.read_bytes()).hexdigest(),
        **row,
        **more,
    }


def _stimuli(folder: Path, name: str, number: int, hostile: str) -> list[dict[str, str]]:
    """Write images and texts with hostile ids and columns, and return the rows of the set."""
    table, archive = (folder / "files" / f"s{number}.{part}" for part in ("csv", "zip"))
    columns = ["stimulus_id", "filename", hostile, f"{hostile[:300]} 2"]
    lines = []
    with zipfile.ZipFile(archive, "w") as file:
        for position, text in enumerate(HOSTILE_TEXTS):
            picture = folder / "picture.png"
            Image.new("RGB", (20, 20), (position * 30, 90, 90)).save(picture)
            ending = "png" if position % 2 else "txt"
            member = (
                "".join(letter for letter in text[:60] if letter.isalnum() or letter in "<>'\"() ={}$")
                + f"{position}.{ending}"
            )
            file.writestr(member, picture.read_bytes() if ending == "png" else text)
            lines.append([f"{text[:500]}{position}", member, text, str(position)])
    with table.open("w", newline="", encoding="utf-8") as written:
        csv.writer(written).writerows([columns, *lines])
    card = _card(folder, f"cards/s{number}.json", hostile)
    facts = {"license": hostile[:300], "publication": f"p{number}", "card": card, "aliases": "<b>alias</b>"}
    return [
        _row(folder, name, "stimulus_set", "StimulusSet", table, **facts),
        _row(folder, name, "stimulus_set", "", archive, **facts),
    ]


def _assembly(folder: Path, name: str, number: int, hostile: str) -> list[dict[str, str]]:
    path = folder / "files" / f"a{number}.nc"
    ids = [f"{text[:500]}{position}" for position, text in enumerate(HOSTILE_TEXTS)] * 3
    assembly = NeuroidAssembly(
        np.random.default_rng(number).normal(size=(len(ids), 6, 3)),
        dims=["presentation", "neuroid", "time_bin"],
        coords={
            "stimulus_id": ("presentation", ids),
            "repetition": ("presentation", np.arange(len(ids)) // len(HOSTILE_TEXTS)),
            "neuroid_id": ("neuroid", [f"{hostile[:300]}{position}" for position in range(6)]),
            "region": ("neuroid", [text[:300] for text in HOSTILE_TEXTS[:6]]),
            "animal": ("neuroid", [hostile[:300], "Chabo"] * 3),
            "time_bin_start": ("time_bin", [0, 10, 20]),
            "time_bin_end": ("time_bin", [10, 20, 30]),
        },
        attrs={"long_name": hostile, "units": hostile, "stimulus_set_identifier": name},
    )
    write_netcdf(assembly, path)
    facts = {"license": hostile[:300], "publication": f"p{number}", "stimulus_set_identifier": name}
    return [_row(folder, name, "assembly", "NeuroidAssembly", path, **facts)]


def _large_sets(folder: Path) -> list[dict[str, str]]:
    """Write a set with 10,000 columns and a set with 10,000 stimuli, and return their rows."""
    rows = []
    for name, columns, stimuli in (("lab.Columns", COLUMNS, 2), ("lab.Values", 3, VALUES)):
        table, archive = (folder / "files" / f"{name}.{part}" for part in ("csv", "zip"))
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("a.txt", "a")
        with table.open("w", newline="", encoding="utf-8") as written:
            writer = csv.writer(written)
            writer.writerow(["stimulus_id", "filename", *(f"column{number}" for number in range(columns))])
            for number in range(stimuli):
                writer.writerow([f"s{number}", "a.txt", *(f"value {number} {position}" for position in range(columns))])
        rows += [
            _row(folder, name, "stimulus_set", class_name, path)
            for path, class_name in ((table, "StimulusSet"), (archive, ""))
        ]
    return rows


def _card(folder: Path, name: str, hostile: str) -> str:
    card = {
        "citation": hostile,
        "doi": hostile,
        "authors": [{"name": hostile, "orcid": LINK}, IMAGE],
        "species": [hostile, SCRIPT],
        "regions": [hostile, IMAGE],
        "animals": [hostile],
        "stated_by": [hostile],
        "stimuli": hostile,
        "columns": [{"name": hostile, "kind": SCRIPT, "missing": 0, "most_common": [{"value": IMAGE, "count": 3}]}],
    }
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(card), encoding="utf-8")
    return name


def _publications(folder: Path) -> None:
    with (folder / "publications.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["publication", "title", "authors", "year", "journal", "doi", "url"])
        for number, hostile in enumerate(HOSTILE_TEXTS):
            doi = hostile if number % 2 else ""
            writer.writerow([f"p{number}", hostile, f"{hostile} and {IMAGE}", "2026", hostile, doi, LINK])


def main() -> None:
    """Write the catalog into the folder of the command line, and build its profiles."""
    for entry in listing(add_catalog(make_catalog(Path(sys.argv[1])))).entries.values():
        build_profile(entry)


if __name__ == "__main__":
    main()
