"""Sizes and file paths of the benchmark data in each mode. Imports only the standard library."""

from dataclasses import dataclass
from pathlib import Path

ASSEMBLY = "benchmark.Recording"
STIMULI = "benchmark.Stimuli"
HOME = "home"
BUCKET = "benchmark"
PACKAGES = 40  # to fetch at once


@dataclass(frozen=True)
class Sizes:
    """Sizes of the data in one mode; `entries` of the large catalog, `pixels` along each side of an image."""

    neuroids: int
    stimuli: int
    repetitions: int
    pixels: int
    entries: int
    apply_neuroids: int  # for the functions that are applied to groups
    apply_stimuli: int
    scaling_neuroids: int  # for `--scaling`: 16 times the presentations must fit into memory
    large_bytes: int  # of the large file to fetch
    package_bytes: int  # of each package to fetch

    @property
    def array_bytes(self) -> int:
        """Size of the values of the recording, which are float32."""
        return self.neuroids * self.stimuli * self.repetitions * 4


SIZES = {
    "full": Sizes(256, 3200, 46, 122, 1_000_000, 64, 1600, 64, 500_000_000, 5_000_000),
    "quick": Sizes(48, 640, 16, 64, 20_000, 32, 160, 16, 50_000_000, 500_000),
    "tiny": Sizes(6, 64, 3, 4, 100, 3, 20, 4, 100_000, 1_000),
}


class DataPaths:
    """Paths of the files of one mode and seed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / HOME
        self.catalog = folder / "benchmark.csv"
        self.large_catalog = folder / "large.csv"
        self.store = folder / "store"
        self.large = self.store / BUCKET / "large.bin"
        self.packages_catalog = folder / "packages.csv"
        self.csv = self._in_home(f"stimulus_{STIMULI.replace('.', '_')}.csv")
        self.zip = self._in_home(f"stimulus_{STIMULI.replace('.', '_')}.zip")
        self.netcdf = self._in_home(f"assy_{ASSEMBLY}.nc")

    def _in_home(self, name: str) -> Path:
        return self.home / Path(name).stem / name

    def written_path(self, implementation: str, suffix: str) -> Path:
        """Return the path to which an implementation writes."""
        return self.folder / f"written-{implementation}{suffix}"

    def scaled_path(self, factor: int) -> Path:
        """Return the path of the recording with `factor` times the presentations."""
        return self.folder / f"scaled-{factor}.nc"

    def package(self, number: int) -> Path:
        """Return the path of one of the packages to fetch."""
        return self.store / BUCKET / f"package-{number}.nc"
