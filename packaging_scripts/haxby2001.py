"""Package fMRI of object vision (Haxby et al. 2001, one subject, one slice): an example of blocks, runs and voxels.

    pip install '.[package-demo]'
    python packaging_scripts/haxby2001.py lab.csv "$PWD/files"

A person saw pictures of eight categories in blocks of 24 s, one block per category in each of 12 runs. `pymvpa2` 2.6.5
contains the recording of the posterior half of one axial slice: 1,452 volumes, one every 2.5 s, with a mask of 530
voxels. The script (1) fetches the sources of that package with pip and extracts the data, (2) describes the eight kinds
of blocks, (3) selects the 9 volumes of each block, (4) verifies that categories can be decoded with the known accuracy,
and (5) packages both, with facts for their cards. Values are those of the source: neither detrended nor normalized.

Licence: pymvpa2 itself has the MIT licence. According to its documentation (`doc/source/datadb/`), the original authors
hold the copyright of these data and licensed them under CC-BY-SA-3.0; the authors of PyMVPA used the same licence for
their derived files. The entry therefore states CC-BY-SA-3.0. The data do not ship with brainio.
"""

import argparse
import gzip
import hashlib
import itertools
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np

from brainio.assemblies import NeuroidAssembly
from brainio.catalogs import add_publication
from brainio.packaging import check_naming_convention, package_data_assembly, package_stimulus_set
from brainio.packaging.packages import resolve_source
from brainio.stimuli import StimulusSet

SOURCE = "pymvpa2-2.6.5.tar.gz"
SOURCE_SHA256 = "f98b18e15d012aaa68c0ef6ccf420662df05657673843ab368e7f0adfdda0758"
# pip asks the build backend of every source package for its metadata before it stores the package, and this package
# does not build on current Python versions. This backend replaces setuptools: it only returns the metadata.
BACKEND = """
from pathlib import Path

class __legacy__:
    def prepare_metadata_for_build_wheel(folder, config_settings=None):
        info = Path(folder, "pymvpa2-2.6.5.dist-info")
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: pymvpa2\\nVersion: 2.6.5\\n")
        return info.name
"""

IDENTIFIER = "haxby.Haxby2001"  # <lab>.<FirstAuthor><Year>
FACTS = {"license": "CC-BY-SA-3.0", "publication": "haxby2001"}
PUBLICATION = {
    "publication": FACTS["publication"],
    "title": "Distributed and overlapping representations of faces and objects in ventral temporal cortex",
    "authors": "Haxby, J. V. and Gobbini, M. I. and Furey, M. L. and Ishai, A. and Schouten, J. L. and Pietrini, P.",
    "year": "2001",
    "journal": "Science",
    "volume": "293",
    "number": "5539",
    "pages": "2425-2430",
    "doi": "10.1126/science.1063736",
}
CITED = {
    "license": FACTS["license"],
    "citation": (
        "Haxby, J. V., Gobbini, M. I., Furey, M. L., Ishai, A., Schouten, J. L., & Pietrini, P. (2001). Distributed "
        "and overlapping representations of faces and objects in ventral temporal cortex. Science, 293(5539), "
        "2425-2430."
    ),
    "doi": PUBLICATION["doi"],
}
VOLUME_MS = 2500
BLOCK_VOLUMES = 9
KNOWN_SHAPE = (96, 530, BLOCK_VOLUMES)
KNOWN_ACCURACY = 0.47  # chance: 0.125


class Source(NamedTuple):
    """The series of volumes (x, y, z, volume), the mask of voxels (x, y, z), and category and run of each volume."""

    bold: np.ndarray
    mask: np.ndarray
    labels: list[tuple[str, int]]


def fetch(folder: Path) -> Path:
    """Fetch the sources with pip, unless they are in the folder already, and verify their hash."""
    path = folder / SOURCE
    if not path.exists():
        with tempfile.TemporaryDirectory() as backend:
            module = Path(backend, "setuptools")
            module.mkdir()
            (module / "__init__.py").touch()  # otherwise, an installed setuptools would take precedence
            (module / "build_meta.py").write_text(BACKEND)
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
            command += ["--no-binary", ":all:", "--use-pep517", "--no-build-isolation", "pymvpa2==2.6.5"]
            environment = os.environ | {"PYTHONPATH": backend}
            done = subprocess.run(command, check=False, env=environment)  # noqa: S603 (all arguments are constants or local paths)
        if done.returncode:
            raise SystemExit(f"pip cannot fetch pymvpa2; download {SOURCE} and pass its folder as --downloads.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != SOURCE_SHA256:
        raise SystemExit(f"{path} does not have the SHA-256 {SOURCE_SHA256}; nothing was packaged. Remove it.")
    return path


def read(source: Path) -> Source:
    """Read the data from the source archive."""
    with tarfile.open(source) as archive:
        names = ("bold.nii.gz", "mask.nii.gz", "attributes_literal.txt")
        members = [archive.extractfile(f"pymvpa2-2.6.5/mvpa2/data/{name}") for name in names]
        bold, mask, labels = (member.read() for member in members if member is not None)
    series, voxels = (nibabel.Nifti1Image.from_bytes(gzip.decompress(packed)) for packed in (bold, mask))
    pairs = [line.split() for line in labels.decode().splitlines()]
    return Source(
        np.asarray(series.dataobj), np.asarray(voxels.dataobj) != 0, [(category, int(run)) for category, run in pairs]
    )


def stimulus_set(source: Source, folder: Path) -> StimulusSet:
    """Return a table with a row for each kind of block: the order of pictures is unknown, pymvpa2 has no pictures."""
    rows, paths = [], {}
    for category in sorted({category for category, _ in source.labels} - {"rest"}):
        paths[category] = folder / f"{category}.txt"
        paths[category].write_text(
            f"24 s of grey pictures of the category {category}, 500 ms each, with pauses of 1,500 ms.\n"
        )
        rows.append({"stimulus_id": category, "category": category, "picture_ms": 500, "pause_ms": 1500})
    described = StimulusSet(rows)
    described.identifier = IDENTIFIER
    described.stimulus_paths = paths
    return described


def blocks(source: Source, described: StimulusSet) -> NeuroidAssembly:
    """Return the volumes of each block, from its onset on, as presentation x neuroid x time_bin."""
    voxels = np.argwhere(source.mask)
    series = source.bold[source.mask]  # voxel x volume
    starts = [
        (category, run, next(volumes)[0])
        for (category, run), volumes in itertools.groupby(enumerate(source.labels), lambda volume: volume[1])
        if category != "rest"
    ]
    categories, runs, first = (np.array(column) for column in zip(*starts, strict=True))
    bins = np.arange(BLOCK_VOLUMES)
    neuroids = {f"voxel_{axis}": voxels[:, number] for number, axis in enumerate("ijk")}
    along: dict[str, dict[str, Any]] = {
        # each category is shown once in a run
        "presentation": {"stimulus_id": categories, "repetition": runs, "run": runs, "first_volume": first},
        "neuroid": {
            "neuroid_id": ["-".join(map(str, voxel)) for voxel in voxels],
            "subject": ["sub001"] * len(voxels),
            **neuroids,
        },
        "time_bin": {"time_bin_start": bins * VOLUME_MS, "time_bin_end": (bins + 1) * VOLUME_MS},
    }
    return NeuroidAssembly(
        np.moveaxis(series[:, first[:, np.newaxis] + bins], 0, 1),
        coords={name: (dim, values) for dim, columns in along.items() for name, values in columns.items()},
        dims=list(along),
        attrs={"long_name": "BOLD signal", "units": "1", "stimulus_set": described},
    )


def decoding_accuracy(assembly: NeuroidAssembly) -> float:
    """Decode the categories of each run with a classifier trained on the others, from the mean over each block.

    Voxels are relative to their mean over the run. The classifier is a ridge regression onto the categories; its
    penalty is the mean squared norm of the training patterns.
    """
    patterns, runs = assembly.values.mean(axis=assembly.get_axis_num("time_bin")), assembly["run"].values
    categories, codes = np.unique(assembly["stimulus_id"].values.astype(str), return_inverse=True)
    change = np.empty(patterns.shape)
    for run in np.unique(runs):
        change[runs == run] = patterns[runs == run] / patterns[runs == run].mean(axis=0) - 1
    kernel, right = change @ change.T, 0
    for run in np.unique(runs):
        train, test = np.flatnonzero(runs != run), np.flatnonzero(runs == run)
        gram = kernel[np.ix_(train, train)]
        targets = np.eye(len(categories))[codes[train]] - 1 / len(categories)
        weights = np.linalg.solve(gram + np.trace(gram) / len(train) * np.eye(len(train)), targets)
        right += int((np.argmax(kernel[np.ix_(test, train)] @ weights, axis=1) == codes[test]).sum())
    return right / len(runs)


def main() -> None:
    """Package into the catalog and the bucket that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", help="CSV file of a catalog, created if missing; an active catalog; or a URL")
    parser.add_argument("bucket", help="target of the files: BUCKET/FOLDER on S3, an absolute path, or a URL")
    parser.add_argument("--downloads", type=Path, help="folder for the sources (default: a temporary one)")
    arguments = parser.parse_args()
    is_file = arguments.catalog.endswith(".csv") and "://" not in arguments.catalog
    catalog = Path(arguments.catalog).absolute() if is_file else arguments.catalog
    check_naming_convention(IDENTIFIER)
    with tempfile.TemporaryDirectory() as folder:
        source = read(fetch(arguments.downloads or Path(folder)))
        described = stimulus_set(source, Path(folder))
        assembly = blocks(source, described)
        accuracy = decoding_accuracy(assembly)
        print(
            f"{' x '.join(map(str, assembly.shape))} values, decoding of 8 categories, one run left out: {accuracy:.3f}"
        )
        if assembly.shape != KNOWN_SHAPE or abs(accuracy - KNOWN_ACCURACY) > 0.02:
            raise SystemExit("These are not the data of Haxby et al. (2001) as in pymvpa2; nothing was packaged.")
        bucket = arguments.bucket
        add_publication(resolve_source(catalog), PUBLICATION)  # entries may only name a publication that is listed
        print(package_stimulus_set(catalog, described, IDENTIFIER, bucket, entry_facts=FACTS, card_facts=CITED))
        cited = CITED | {"species": "Homo sapiens"}
        names = (IDENTIFIER, IDENTIFIER, "NeuroidAssembly")
        print(package_data_assembly(catalog, assembly, *names, bucket_name=bucket, entry_facts=FACTS, card_facts=cited))


if __name__ == "__main__":
    main()
