"""Output files are hashed while they are written, and system errors name the next step."""

import hashlib
import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.assemblies import DataAssembly
from brainio.errors import PackagingError
from brainio.packaging import create_stimulus_csv, create_stimulus_zip, package_stimulus_set, write_netcdf
from brainio.packaging.archives import HashedWriter
from brainio.stimuli import StimulusSet
from tests.cache.helpers import mounted

steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "go back and write", "rewrite", "settle"]), st.binary(max_size=6), st.floats(0, 1)
    )
)


@given(steps, st.sampled_from([1, 5, 1000]), st.sampled_from([0, 7, 1000]))
def test_file_and_hash_are_correct_after_any_overwriting(
    script: list[tuple[str, bytes, float]], enough: int, most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainio.packaging.archives._MIN_WRITE", enough)
        patch.setattr("brainio.packaging.archives._MAX_PENDING", most)
        file, plain = io.BytesIO(), io.BytesIO()
        writer = HashedWriter(file)
        settled = last = 0
        for action, data, where in script:
            end = len(plain.getvalue())
            if action == "settle":
                writer.settle()
                settled = last = end
                continue
            start = {"write": end, "rewrite": last}.get(action, settled + round(where * (end - settled)))
            text = bytes(reversed(plain.getvalue()[start:])) if action == "rewrite" else data
            for target in (writer, plain):
                target.seek(start)
                target.write(text)
            assert writer.tell() == plain.tell()
            writer.seek(len(plain.getvalue()))
            last = start if action == "write" else last
        assert writer.hexdigest() == hashlib.sha1(plain.getvalue()).hexdigest()
        assert file.getvalue() == plain.getvalue()


@pytest.mark.parametrize("write", [create_stimulus_csv, create_stimulus_zip, write_netcdf])
def test_a_folder_that_is_missing_is_an_error_that_names_it(
    tmp_path: Path, stimuli: StimulusSet, write: Callable[[Any, Path], object]
) -> None:
    data = DataAssembly([1.0], dims=["x"]) if write is write_netcdf else stimuli
    with pytest.raises(PackagingError, match=r"missing.*(No such file or directory|non-existent directory)"):
        write(data, tmp_path / "missing" / "a")


def test_packaging_fails_without_a_folder_for_temporary_files(
    tmp_path: Path, stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(PackagingError, match=r"missing.*No such file or directory.*TMPDIR"):
        package_stimulus_set(tmp_path / "lab.csv", stimuli, "lab.Doe2026", tmp_path / "files")
    assert not (tmp_path / "lab.csv").exists()


def test_an_unwritable_folder_is_an_error_that_explains_it(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(PackagingError, match=r"Read-only file system.*TMPDIR"):
            write_netcdf(DataAssembly([1.0], dims=["x"]), disk / "a.nc")
