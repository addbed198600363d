"""Fuzz tables of stimulus sets: any bytes are loaded or refused with a StimulusSetFormatError."""

import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.security import harness

SEEDS: Sequence[bytes] = (
    b"stimulus_id,filename,object_name,size,ok\r\n1,one.png,car,1.5,True\r\n007,two/2.png,NA,,False\r\n",
    b"\xef\xbb\xbfimage_id,filename\na,a.png\n\nb,b.png\n",
    b'stimulus_id,filename,text\n"a,1",a.png,"two\nlines"\n=1+1,b.png,"say ""so"""\n',
    b"stimulus_id,filename,n\na,../a.png,99999999999999999999\nb,/b.png,1e999\n",
    b"stimulus_id,filename,n,n\na\0,a.png,\x1b[2J,1\n",
)


def load() -> tuple[Sequence[bytes], Callable[[bytes], None]]:
    from brainio.errors import StimulusSetFormatError
    from brainio.stimuli import StimulusSet, StimulusSetLoader

    folder = Path(tempfile.mkdtemp(prefix="brainio-fuzz-"))
    table = folder / "table.csv"

    def check(data: bytes) -> None:
        table.write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                stimulus_set = StimulusSetLoader(StimulusSet, table, folder / "files").load()
        except StimulusSetFormatError:
            return
        if any("\0" in str(cell) for cell in stimulus_set.to_numpy().ravel()):
            raise AssertionError("a NUL character was read")
        for path in stimulus_set.stimulus_paths.values():
            if ".." in path.parts or not path.is_relative_to(folder / "files"):
                raise AssertionError(f"{path} lies outside")

    return SEEDS, check


if __name__ == "__main__":
    harness.main(["brainio.stimuli", "csv"], load)
