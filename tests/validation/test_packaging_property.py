"""Property of all stimulus sets: packaging accepts exactly the sets without errors, and they load again."""

import tempfile
import warnings
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainio.errors import PackagingError, PackagingWarning
from brainio.fetch import load_stimulus_files
from brainio.packaging import package_stimulus_set_locally
from brainio.stimuli import StimulusSet
from brainio.validation import validate
from tests.tiers import scaled_examples

ODD_IDS = ["a", "A", "b", "b ", "", "7", "007", None, 7, 7.5, float("nan"), True, "ä", "a/b", "..", "a\nb", "NA"]
ODD_NAMES = ["a.txt", "A.txt", "b/c.txt", "b", "", "../a.txt", "/a.txt", "a\\b.txt", "C:a.txt", "x" * 256, None]
ODD_COLUMNS = ["hue", "Hue", "a b", 7, "stimulus_id", ""]


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    count = draw(st.integers(0, 4))
    columns = {"stimulus_id": draw(st.lists(st.sampled_from(ODD_IDS), min_size=count, max_size=count))}
    if draw(st.booleans()):
        columns["filename"] = draw(st.lists(st.sampled_from(ODD_NAMES), min_size=count, max_size=count))
    table = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    for name in draw(st.lists(st.sampled_from(ODD_COLUMNS), max_size=2)):
        table.insert(len(table.columns), name, 1, allow_duplicates=True)
    return table


@given(table=tables(), contents=st.lists(st.sampled_from([b"text", b"", None]), min_size=4, max_size=4))
@settings(max_examples=scaled_examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_set_without_errors_is_packaged_and_loads_again(table: pd.DataFrame, contents: list[bytes | None]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stimuli = StimulusSet(table)
        ids = table.iloc[:, 0].tolist()
        stimuli.stimulus_paths = {item: folder / f"{place}.txt" for place, item in enumerate(ids)}
        for place, content in enumerate(contents[: len(ids)]):
            if content is not None:
                (folder / f"{place}.txt").write_bytes(content)
        if validate(stimuli).ok:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PackagingWarning)
                made = package_stimulus_set_locally(stimuli, "lab.Doe2026", folder / "made")
            loaded = load_stimulus_files(Path(made["csv_path"]), Path(made["zip_path"]), "lab.Doe2026")
            assert loaded["stimulus_id"].tolist() == [str(item) for item in ids]
            assert all(path.is_file() for path in loaded.stimulus_paths.values())
            assert validate(made["csv_path"]).ok
        else:
            with pytest.raises(PackagingError):
                package_stimulus_set_locally(stimuli, "lab.Doe2026", folder / "made")
