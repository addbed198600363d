"""Package ModelFest (Carney et al. 1999) into the catalog `brainio_demo`: an example to copy for your own data set.

    pip install '.[package-demo]'
    python packaging_scripts/carney1999.py catalogs/brainio_demo

The contrast thresholds of sixteen observers were measured for 43 patterns on a grey field. `stimupy` 1.2.0 draws the
patterns and contains the measurements. The script (1) writes the stimulus files, (2) describes them in a table,
(3) creates an assembly of the measurements, (4) compares them with published results, and (5) packages both, with
facts for their cards. With the same versions of the libraries, it always writes the same bytes.
"""

import argparse
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
from PIL import Image, features
from stimupy.papers import modelfest  # type: ignore[import-not-found, import-untyped, unused-ignore]

from brainio.assemblies import BehavioralAssembly
from brainio.catalogs import add_publication
from brainio.packaging import check_naming_convention, package_data_assembly, package_stimulus_set
from brainio.stimuli import StimulusSet

# <lab>.<FirstAuthor><Year>. Several laboratories, which call themselves ModelFest, measured these.
IDENTIFIER = "modelfest.Carney1999"
FACTS = {"license": "GPL-2.0-only", "publication": "carney1999"}
PUBLICATION = {
    "publication": FACTS["publication"],
    "title": "Development of an image/threshold database for designing and testing human vision models",
    "authors": (
        "Carney, T. and Klein, S. A. and Tyler, C. W. and Silverstein, A. D. and Beutter, B. and Levi, D. and others "
        "and Eckstein, M. P."
    ),
    "year": "1999",
    "journal": "Proceedings of SPIE",
    "volume": "3644",
    "pages": "542-551",
    "doi": "10.1117/12.348473",
    "url": "https://www.visionscience.com/data/modelfest/",
}
CITED = {
    "license": FACTS["license"],
    "citation": (
        "Carney, T., Klein, S. A., Tyler, C. W., Silverstein, A. D., Beutter, B., Levi, D., ... & Eckstein, M. P. "
        "(1999). Development of an image/threshold database for designing and testing human vision models. "
        "Proceedings of SPIE, 3644, 542-551."
    ),
    "doi": PUBLICATION["doi"],
}


def grey_levels(image: np.ndarray) -> np.ndarray:
    """Convert luminances from 0 to 1 into 8-bit grey levels.

    Two patterns (noise, natural scene) are 8-bit images and keep their levels. Computed patterns span 0 to 254, so
    that the mean luminance is a level (127); otherwise rounding would add a faint grating to the whole field.
    """
    original = np.rint(image * 255)
    is_8_bit = np.allclose(image * 255, original, atol=1e-9)
    return (original if is_8_bit else np.rint(image * 254)).astype(np.uint8)


def parameters(stimulus: dict) -> dict[str, float | None]:
    """Return the parameters of a pattern, NaN if it lacks one: frequencies in cycles/degree, all others in degrees."""
    described = stimulus.get("gabor_parameters1", stimulus)  # a plaid is two Gabors that differ in rotation only
    sigma_y, sigma_x = np.broadcast_to(described.get("sigma", np.nan), 2)
    columns = {"frequency_2": "frequency2", "rotation": "rotation", "phase_shift": "phase_shift"}
    return {
        "frequency": float(np.ravel(described.get("frequency", np.nan))[0]),
        "sigma_x": float(sigma_x),
        "sigma_y": float(sigma_y),
        **{column: float(described.get(name, np.nan)) for column, name in columns.items()},
    }


def stimulus_set(stimuli: dict[str, dict], folder: Path) -> StimulusSet:
    """Write a PNG file for each pattern, and return the table that describes them."""
    rows, paths = [], {}
    for number, (name, stimulus) in enumerate(stimuli.items(), start=1):
        paths[name] = folder / f"{name}.png"
        Image.fromarray(grey_levels(stimulus["img"])).save(paths[name], optimize=True)
        kind = name.rstrip("0123456789")
        rows.append({"stimulus_id": name, "number": number, "kind": kind, "degrees": 256 / 120, **parameters(stimulus)})
    described = StimulusSet(rows)
    described.identifier = IDENTIFIER
    described.stimulus_paths = paths
    return described


def thresholds(described: StimulusSet) -> BehavioralAssembly:
    """Return the thresholds as an assembly with a presentation for each observer, pattern and repetition.

    The published table has a row for each observer: the name, then four columns for each pattern. (The thresholds that
    stimupy 1.2.0 attaches to its pattern Noise35 are those of NaturalScene43.)
    """
    subjects, table = modelfest.df[0].tolist(), modelfest.df.iloc[:, 1:].to_numpy(dtype=np.float64)
    order = pd.MultiIndex.from_product([subjects, described["stimulus_id"], range(4)])
    names = ("subject", "stimulus_id", "repetition")
    return BehavioralAssembly(
        table.ravel(),
        coords={name: ("presentation", order.get_level_values(level)) for level, name in enumerate(names)},
        dims=["presentation"],
        attrs={
            "long_name": "contrast sensitivity",
            "units": "log10(1 / threshold contrast)",
            "stimulus_set": described,
        },
    )


def split_half(assembly: BehavioralAssembly) -> float:
    """Correlate the mean thresholds of every second observer with those of the others, over the patterns."""
    columns = {name: assembly[name].values for name in ("stimulus_id", "subject")}
    table = pd.DataFrame({"sensitivity": assembly.values, **columns})
    by_subject = table.pivot_table("sensitivity", "stimulus_id", "subject", aggfunc="mean")
    halves = [by_subject.iloc[:, start::2].mean(axis="columns") for start in (0, 1)]
    return float(np.corrcoef(halves[0], halves[1])[0, 1])


def main() -> None:
    """Create the catalog in the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder for the catalog brainio_demo.csv and its files")
    folder = parser.parse_args().folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    check_naming_convention(IDENTIFIER)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as images:
        warnings.simplefilter("ignore")  # stimupy warns that it rounds visual angles to whole pixels
        stimuli = modelfest.gen_all()
        described = stimulus_set(stimuli, Path(images))
        assembly = thresholds(described)
        reliability = split_half(assembly)
        print(f"{len(described)} stimuli, {len(assembly)} presentations, split-half correlation {reliability:.4f}")
        if len(described) != 43 or len(assembly) != 43 * 16 * 4 or abs(reliability - 0.995) > 0.001:
            raise SystemExit("These are not the data of ModelFest as published; nothing was packaged.")
        catalog, files = folder / "brainio_demo.csv", folder / "files"
        cited = CITED | {"species": "Homo sapiens"}
        add_publication(catalog, PUBLICATION)  # entries may only name a publication that is listed
        print(package_stimulus_set(catalog, described, IDENTIFIER, files, entry_facts=FACTS, card_facts=CITED))
        row = package_data_assembly(
            catalog,
            assembly,
            IDENTIFIER,
            IDENTIFIER,
            "BehavioralAssembly",
            bucket_name=files,
            entry_facts=FACTS,
            card_facts=cited,
        )
        print(row)
    # The versions on which the bytes of files depend; see the README of the catalog.
    libraries = {name: version(name) for name in ("stimupy", "pillow")}
    libraries |= {"zlib": str(features.version("zlib"))}
    libraries |= {"netcdf": netCDF4.__netcdf4libversion__, "hdf5": netCDF4.__hdf5libversion__}
    (folder / "MADE_WITH.md").write_text(" ".join(f"{name}={number}" for name, number in libraries.items()) + "\n")


if __name__ == "__main__":
    main()
