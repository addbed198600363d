"""Draw the pictures of the documentation from the data that ship: `python docs/pictures.py [folder]`.

Needs the extra `plot`, and Chromium for the views of notebooks, which are left as they are without it. The figures have
a white background, so that they are read on a dark page as well.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

import brainio
from brainio.assemblies import NeuroidAssembly
from brainio.views import array_html

COLOURS = 256  # of a picture, which makes it several times smaller


def main(folder: Path) -> None:
    """Write all pictures into a folder."""
    folder.mkdir(exist_ok=True)
    behavior = brainio.get_assembly("modelfest.Carney1999")
    spikes = brainio.get_assembly("herz.Rokem2006")
    patterns = behavior.attrs["stimulus_set"]
    # Every other pattern, so that all kinds are seen
    sheet = patterns.iloc[::2].contact_sheet(22, columns=11, size=80)
    write(sheet, folder / "contact_sheet.png")
    figure, axes = plt.subplots(1, 2, figsize=(12, 3.6), layout="constrained", width_ratios=[1.2, 1])
    behavior.plot.responses("kind", ax=axes[0])
    spikes.plot.raster(["stimulus_id", "recording"], ax=axes[1]).set_xlim(0, 1000)
    save(figure, folder / "plots.png")
    photograph(patterns.iloc[::2]._repr_html_(), folder / "stimulus_set.png", 570)
    opened = array_html(behavior, find=patterns.find_local_path).replace("<details", "<details open", 1)
    photograph(opened, folder / "assembly.png", 640)
    recording = simulated()
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    recording.plot.responses(ax=axes[0])
    recording.plot.time_course(ax=axes[1])
    recording.plot.reliability(ax=axes[2])
    save(figure, folder / "recording.png")


def simulated() -> NeuroidAssembly:
    """Make a recording of three regions that answer one after the other: 40 images x 10 repetitions, 60 neuroids."""
    random = np.random.default_rng(0)
    region = np.repeat(["V1", "V4", "IT"], 20)
    latency, rate = (np.array([table[name] for name in region]) for table in (
        {"V1": 60, "V4": 90, "IT": 120}, {"V1": 40, "V4": 28, "IT": 18}))  # fmt: skip
    start = np.arange(-40, 240, 20)
    course = np.exp(-(((start + 10 - latency[:, np.newaxis]) / 40) ** 2) / 2)
    image, repetition = (part.ravel() for part in np.indices((40, 10)))
    tuning = random.gamma(2, 0.5, size=(40, 60))[image] * rate
    values = 5 + tuning[:, :, np.newaxis] * course
    values += random.normal(size=values.shape) * random.uniform(2, 30, size=(60, 1))
    return NeuroidAssembly(
        values,
        dims=["presentation", "neuroid", "time_bin"],
        coords={
            "stimulus_id": ("presentation", image),
            "repetition": ("presentation", repetition),
            "neuroid_id": ("neuroid", np.arange(60)),
            "region": ("neuroid", region),
            "time_bin_start": ("time_bin", start),
            "time_bin_end": ("time_bin", start + 20),
        },
        attrs={"long_name": "firing rate", "units": "spikes/s"},
    )


def photograph(html: str, path: Path, height: int) -> None:
    """Write what a browser makes of a view."""
    browser = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if browser is None:
        print(f"Left {path} as it is: Chromium is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        page, picture = Path(folder, "page.html"), Path(folder, "page.png")
        page.write_text(f"<!doctype html><meta charset='utf-8'>{html}", "utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size=1000,{height}"]
        subprocess.run(  # noqa: S603 - a browser, with a page made here
            [browser, *options, f"--screenshot={picture}", page.as_uri()], check=True, capture_output=True
        )
        write(Image.open(picture), path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure in 256 colours at most."""
    figure.canvas.draw()
    write(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())), path)  # type: ignore[attr-defined]  # of Agg


def write(picture: Image.Image, path: Path) -> None:
    """Write a picture with few colours, as small as PNG can be."""
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"Wrote {path} ({path.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures")
