"""The peer reads a typed CSV file as the CSV file that pandas writes of the same table."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainio.packaging import create_stimulus_csv
from brainio.stimuli import StimulusSet

PEER = os.environ.get("BRAINIO_PEER", "")
PROGRAM = """
import json, sys
from pathlib import Path
from brainio.stimuli import StimulusSet

def read(path):
    table = StimulusSet.from_files(Path(path), Path(path).parent)
    paths = {str(key): str(value) for key, value in table.stimulus_paths.items()}
    return [[name, str(table[name].dtype), [repr(one) for one in table[name]]] for name in table.columns], paths

print(json.dumps([read(path) for path in sys.argv[1:]]))
"""


@pytest.mark.skipif(not PEER, reason="BRAINIO_PEER names no interpreter with brainscore-brainio 1.1.0")
def test_the_peer_reads_a_typed_table_as_an_ordinary_one(tmp_path: Path) -> None:
    columns = {
        "word": ["a, b", 'c "d"', "é\nf"],
        "code": ["007", "1e5", "12"],
        "country": ["NA", None, ""],
        "size": [1, 2, 3],
        "count": pd.array([1, None, 3], dtype="Int64"),
        "rt": [0.1, np.nan, 1e300],
        "missing": [np.nan] * 3,
        "flag": [True, False, True],
        "answer": pd.Series([True, None, False], dtype=object),
    }
    stimuli = StimulusSet({"stimulus_id": ["x", "y", "z"], "filename": ["x.png", "y.png", "b/z.png"], **columns})
    for name in stimuli["filename"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    create_stimulus_csv(stimuli, tmp_path / "typed.csv")
    pd.DataFrame(stimuli).to_csv(tmp_path / "plain.csv", index=False)
    command = [PEER, "-c", PROGRAM, str(tmp_path / "typed.csv"), str(tmp_path / "plain.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    typed, plain = json.loads(done.stdout)
    assert typed == plain
