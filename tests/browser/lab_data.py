"""Write the data of a lab that covers everything pages draw: `python -m tests.browser.lab_data FOLDER`.

Runs in its own process because profiles are stored in `BRAINIO_HOME`. The catalog `lab` is public; the service hides
the catalog `secret`.
"""

import sys
import wave
from pathlib import Path

import numpy as np
from PIL import Image

from brainio.assemblies import NeuroidAssembly
from brainio.cards import build_profile
from brainio.catalogs import listing
from brainio.catalogs.registry import add_catalog
from brainio.packaging import package_data_assembly, package_stimulus_set
from brainio.stimuli import StimulusSet

SCENES, WORDS, EMBARGOED, SECRET = "lab.Scenes2026", "lab.Words2026", "lab.Held2026", "secret.Faces2026"
OBJECTS = ("bear", "car", "chair", "dog", "plane", "tree")
IMAGES = 130
REGIONS = ("V1", "V4", "IT")
_SIDE = 96  # pixels


def make_lab(folder: Path) -> dict[str, Path]:
    """Write both catalogs with their files; return their CSV files by name."""
    files = folder / "files"
    lab, secret = folder / "lab.csv", folder / "secret.csv"
    scenes = _scenes(folder / "scenes")
    facts = {"license": "CC-BY-4.0", "publication": "doe2026"}
    card_facts = {
        "species": ["Macaca mulatta"],
        "authors": ["Jane Doe"],
        "citation": "Doe, J. (2026). Scenes and neurons.",
    }
    _publications(folder)
    package_stimulus_set(lab, scenes, SCENES, files, entry_facts=facts, card_facts=card_facts)
    recording = _recording(scenes["stimulus_id"].tolist())
    for identifier in (SCENES, EMBARGOED):
        named = recording.assign_attrs(identifier=identifier, stimulus_set=scenes, stimulus_set_identifier=SCENES)
        if identifier == EMBARGOED:
            named = named.assign_attrs(comment="unpublished")
        package_data_assembly(
            lab, named, identifier, SCENES, "NeuroidAssembly", files, entry_facts=facts, card_facts=card_facts
        )
    for version, words in {"1": ("the horse raced", "past the barn"), "2": ("the horse raced", "fell")}.items():
        package_stimulus_set(
            lab, _texts(folder / f"words{version}", words), WORDS, files, entry_facts={"version": version}
        )
    package_stimulus_set(secret, _texts(folder / "faces", ("a face",)), SECRET, files)
    return {"lab": lab, "secret": secret}


def _publications(folder: Path) -> None:
    lines = [
        "publication,title,authors,year,journal,doi,url",
        'doe2026,Scenes and neurons,"Doe, J. and Roe, R.",2026,Journal of Scenes,10.1234/scenes,https://lab.example/doe',
    ]
    (folder / "publications.csv").write_text("\n".join([*lines, ""]))


def _scenes(folder: Path) -> StimulusSet:
    """Return 130 pictures of six kinds of objects at random contrasts, a sound, a text and a video."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    objects = [OBJECTS[number % len(OBJECTS)] for number in range(IMAGES)]
    contrasts = np.round(random.uniform(0.1, 1, IMAGES), 3)
    paths = {}
    for number in range(IMAGES):
        paths[f"scene{number:03}"] = folder / f"scene{number:03}.png"
        _picture(number % len(OBJECTS), contrasts[number], random).save(paths[f"scene{number:03}"])
    paths |= {
        "tone": _tone(folder / "tone.wav"),
        "sentence": folder / "sentence.txt",
        "clip": _clip(folder / "clip.mp4"),
    }
    paths["sentence"].write_text("The horse raced past the barn fell.")
    more = len(paths) - IMAGES
    stimuli = StimulusSet(
        {
            "stimulus_id": list(paths),
            "filename": [path.name for path in paths.values()],
            "object_name": [*objects, *[None] * more],
            "contrast": [*contrasts, *[np.nan] * more],
            "size_degrees": [*np.tile([2.0, 4.0, 8.0], IMAGES)[:IMAGES], *[np.nan] * more],
            "background": [f"background {number}" for number in random.integers(0, 40, len(paths))],
        }
    )
    stimuli.identifier = SCENES
    stimuli.stimulus_paths = paths
    return stimuli


def _picture(kind: int, contrast: float, random: np.random.Generator) -> Image.Image:
    """Return a striped disc on noise; its direction and colour depend on its kind."""
    y, x = np.mgrid[-1 : 1 : _SIDE * 1j, -1 : 1 : _SIDE * 1j]
    rotated = x * np.cos(kind * np.pi / 6) + y * np.sin(kind * np.pi / 6)
    inside = np.hypot(x - random.uniform(-0.3, 0.3), y - random.uniform(-0.3, 0.3)) < 0.6
    stripes = np.where(inside, np.sin(rotated * (8 + 3 * kind)) * contrast, 0)
    tint = np.array([[1, 0.4, 0.3], [0.3, 0.7, 1], [0.9, 0.8, 0.3], [0.7, 0.4, 0.9], [0.4, 0.9, 0.6], [1, 1, 1]])[kind]
    values = 118 + random.normal(0, 8, (_SIDE, _SIDE, 1)) + 120 * stripes[..., None] * tint
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _tone(path: Path) -> Path:
    times = np.arange(16_000) / 16_000
    chirp = np.sin(2 * np.pi * (300 + 2000 * times) * times) * 20_000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(chirp.astype("<i2").tobytes())
    return path


def _clip(path: Path) -> Path:
    """Write ten frames of a moving square."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = _SIDE
        stream.pix_fmt = "yuv420p"
        for step in range(10):
            frame = np.full((_SIDE, _SIDE, 3), 40, np.uint8)
            frame[30:60, step * 6 : step * 6 + 30] = (230, 140, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def _texts(folder: Path, words: tuple[str, ...]) -> StimulusSet:
    folder.mkdir(parents=True)
    paths = {f"t{number}": folder / f"t{number}.txt" for number in range(len(words))}
    for path, text in zip(paths.values(), words, strict=True):
        path.write_text(text)
    stimuli = StimulusSet({"stimulus_id": list(paths), "words": [len(text.split()) for text in words]})
    stimuli.stimulus_paths = paths
    return stimuli


def _recording(stimuli: list[str], repetitions: int = 4, neuroids: int = 60) -> NeuroidAssembly:
    """Return the responses of neuroids in three regions of two animals; the latency depends on the region."""
    random = np.random.default_rng(2)
    region = np.repeat(REGIONS, neuroids // len(REGIONS))
    latency = np.repeat([60, 90, 120], neuroids // len(REGIONS))
    starts = np.arange(0, 240, 20)
    course = np.exp(-(((starts + 10 - latency[:, None]) / 40) ** 2) / 2)
    image, repetition = (part.ravel() for part in np.indices((len(stimuli), repetitions)))
    tuning = random.gamma(2, 10, (len(stimuli), neuroids))[image]
    values = 5 + tuning[:, :, None] * course
    values += random.normal(size=values.shape) * random.uniform(2, 30, (neuroids, 1))
    return NeuroidAssembly(
        values.astype("float32"),
        dims=["presentation", "neuroid", "time_bin"],
        coords={
            "stimulus_id": ("presentation", np.asarray(stimuli)[image]),
            "repetition": ("presentation", repetition),
            "neuroid_id": ("neuroid", np.arange(neuroids)),
            "region": ("neuroid", region),
            "animal": ("neuroid", np.where(np.arange(neuroids) % 3, "Chabo", "Tito")),
            "time_bin_start": ("time_bin", starts),
            "time_bin_end": ("time_bin", starts + 20),
        },
        attrs={"long_name": "firing rate", "units": "spikes/s"},
    )


def main() -> None:
    """Write the lab into the folder of the command line, and build its profiles."""
    for catalog in make_lab(Path(sys.argv[1])).values():
        lab = listing(add_catalog(catalog))
        for current in lab.entries.values():
            for entry in lab.all_versions(current):
                build_profile(entry)


if __name__ == "__main__":
    main()
