"""A catalog of somebody who hopes that pages run what he writes: `python -m tests.browser.hostile_catalog FOLDER`."""

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
TURNED = "\u202egnp.exe\u2066x"
END = "</script><script>alert('end')</script><!--"
LONG = "W" * 3000
EVIL = (SCRIPT, IMAGE, ATTRIBUTE, LINK, TEMPLATE, TURNED, END, LONG)
COLUMNS = 9_998  # with `stimulus_id` and `filename` as many as a stimulus set may have
VALUES = 10_000


def make_catalog(folder: Path) -> Path:
    """Write the catalog `evil`: sets and assemblies of every evil name, whose data and cards are evil as well."""
    (folder / "files").mkdir(parents=True)
    rows: list[dict[str, str]] = []
    for number, evil in enumerate(EVIL):
        name = f"lab.{evil[:200]}{number}"
        rows += _stimuli(folder, name, number, evil)
        rows += _assembly(folder, name, number, evil)
    rows += _wide(folder)
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


def _stimuli(folder: Path, name: str, number: int, evil: str) -> list[dict[str, str]]:
    """Stimuli of evil ids and columns, as images and as texts."""
    table, archive = (folder / "files" / f"s{number}.{part}" for part in ("csv", "zip"))
    columns = ["stimulus_id", "filename", evil, f"{evil[:300]} 2"]
    lines = []
    with zipfile.ZipFile(archive, "w") as file:
        for place, text in enumerate(EVIL):
            picture = folder / "picture.png"
            Image.new("RGB", (20, 20), (place * 30, 90, 90)).save(picture)
            ending = "png" if place % 2 else "txt"
            member = (
                "".join(letter for letter in text[:60] if letter.isalnum() or letter in "<>'\"() ={}$")
                + f"{place}.{ending}"
            )
            file.writestr(member, picture.read_bytes() if ending == "png" else text)
            lines.append([f"{text[:500]}{place}", member, text, str(place)])
    with table.open("w", newline="", encoding="utf-8") as written:
        csv.writer(written).writerows([columns, *lines])
    card = _card(folder, f"cards/s{number}.json", evil)
    told = {"license": evil[:300], "publication": f"p{number}", "card": card, "aliases": "<b>alias</b>"}
    return [
        _row(folder, name, "stimulus_set", "StimulusSet", table, **told),
        _row(folder, name, "stimulus_set", "", archive, **told),
    ]


def _assembly(folder: Path, name: str, number: int, evil: str) -> list[dict[str, str]]:
    path = folder / "files" / f"a{number}.nc"
    ids = [f"{text[:500]}{place}" for place, text in enumerate(EVIL)] * 3
    assembly = NeuroidAssembly(
        np.random.default_rng(number).normal(size=(len(ids), 6, 3)),
        dims=["presentation", "neuroid", "time_bin"],
        coords={
            "stimulus_id": ("presentation", ids),
            "repetition": ("presentation", np.arange(len(ids)) // len(EVIL)),
            "neuroid_id": ("neuroid", [f"{evil[:300]}{place}" for place in range(6)]),
            "region": ("neuroid", [text[:300] for text in EVIL[:6]]),
            "animal": ("neuroid", [evil[:300], "Chabo"] * 3),
            "time_bin_start": ("time_bin", [0, 10, 20]),
            "time_bin_end": ("time_bin", [10, 20, 30]),
        },
        attrs={"long_name": evil, "units": evil, "stimulus_set_identifier": name},
    )
    write_netcdf(assembly, path)
    told = {"license": evil[:300], "publication": f"p{number}", "stimulus_set_identifier": name}
    return [_row(folder, name, "assembly", "NeuroidAssembly", path, **told)]


def _wide(folder: Path) -> list[dict[str, str]]:
    """A set of 10,000 columns in all and one of 10,000 values."""
    rows = []
    for name, columns, stimuli in (("lab.Columns", COLUMNS, 2), ("lab.Values", 3, VALUES)):
        table, archive = (folder / "files" / f"{name}.{part}" for part in ("csv", "zip"))
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("a.txt", "a")
        with table.open("w", newline="", encoding="utf-8") as written:
            writer = csv.writer(written)
            writer.writerow(["stimulus_id", "filename", *(f"column{number}" for number in range(columns))])
            for number in range(stimuli):
                writer.writerow([f"s{number}", "a.txt", *(f"value {number} {place}" for place in range(columns))])
        rows += [
            _row(folder, name, "stimulus_set", class_name, path)
            for path, class_name in ((table, "StimulusSet"), (archive, ""))
        ]
    return rows


def _card(folder: Path, name: str, evil: str) -> str:
    card = {
        "citation": evil,
        "doi": evil,
        "authors": [{"name": evil, "orcid": LINK}, IMAGE],
        "species": [evil, SCRIPT],
        "regions": [evil, IMAGE],
        "animals": [evil],
        "stated_by": [evil],
        "stimuli": evil,
        "columns": [{"name": evil, "kind": SCRIPT, "missing": 0, "most_common": [{"value": IMAGE, "count": 3}]}],
    }
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(card), encoding="utf-8")
    return name


def _publications(folder: Path) -> None:
    with (folder / "publications.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["publication", "title", "authors", "year", "journal", "doi", "url"])
        for number, evil in enumerate(EVIL):
            doi = evil if number % 2 else ""
            writer.writerow([f"p{number}", evil, f"{evil} and {IMAGE}", "2026", evil, doi, LINK])


def main() -> None:
    """Write the catalog into the folder that the command line names, and make its profiles."""
    for entry in listing(add_catalog(make_catalog(Path(sys.argv[1])))).entries.values():
        build_profile(entry)


if __name__ == "__main__":
    main()
