"""`brainio validate` and `brainio package` accept the same input and report the same problems."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from click.testing import CliRunner, Result

from brainio.cli.commands import main

PUBLISH = ("--identifier", "lab.Doe2026", "--to", "files", "--catalog", "lab.csv")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two stimuli, and a recording of them in several forms."""
    folder = tmp_path / "lab"
    (folder / "texts").mkdir(parents=True)
    monkeypatch.chdir(folder)
    for name in ("001", "002"):
        (folder / "texts" / f"{name}.txt").write_text(name)
    return folder


def table(text: str, name: str = "stimuli.csv") -> None:
    Path(name).write_text(text)


def parquet(**columns: object) -> None:
    pd.DataFrame(columns).to_parquet("stimuli.parquet")


@pytest.mark.parametrize(
    ("write", "source", "code"),
    [
        (lambda: None, ("texts",), ""),
        (lambda: table("stimulus_id,n\n001,1\n002,2\n"), ("stimuli.csv",), ""),
        (lambda: table("stimulus_id,filename\na,001.txt\nb,002.txt\n"), ("stimuli.csv",), ""),
        (lambda: table("stimulus_id,filename\na,texts/001.txt\nb,texts/002.txt\n", "texts.csv"), ("texts.csv",), ""),
        (lambda: table("stimulus_id\n001\n002\n", "texts.csv"), ("texts.csv",), ""),
        (lambda: table("image_id,filename\na,001.txt\nb,002.txt\n"), ("stimuli.csv",), ""),
        (lambda: parquet(stimulus_id=["001", "002"], size=[1, 2]), ("stimuli.parquet",), ""),
        (lambda: table("stimulus_id\n001\n003\n"), ("stimuli.csv",), "file-missing"),
        (lambda: table("stimulus_id,n,n\n001,1,1\n002,2,2\n"), ("stimuli.csv",), "column-doubled"),
        (lambda: table("stimulus_id,depth\n001,1\n002,deep\n"), ("stimuli.csv",), "cell-kind-differs"),
        (lambda: table('stimulus_id,depth\n001,"1,5"\n002,2.5\n'), ("stimuli.csv",), "number-form"),
        (lambda: table("stimulus_id,depth\n001,1\n002,deep\n"), ("stimuli.csv", "--text", "depth"), ""),
        (lambda: table("stimulus_id,depth\n001,1\n002,deep\n"), ("stimuli.csv", "--missing", "deep"), ""),
        (lambda: table("stimulus_id\n001\n001\n"), ("stimuli.csv",), "id-doubled"),
        (lambda: (Path("texts") / "001.wav").touch(), ("stimuli.csv",), "member-clash"),
    ],
)
def test_both_commands_report_the_same_problems_of_stimuli(
    lab: Path, write: Callable[[], None], source: tuple[str, ...], code: str
) -> None:
    if code == "member-clash":
        table("stimulus_id\n001\n002\n")
    write()
    where = ("texts",) if source[0] == "stimuli.csv" or source[0].endswith("parquet") else ()
    validated = run("validate", *source, *(("--stimuli", *where) if where else ()))
    packaged = run("package", "stimulus-set", *source, *(("--files", *where) if where else ()), *PUBLISH)
    output = validated.output + packaged.output
    assert (validated.exit_code, packaged.exit_code) == ((11, 1) if code else (0, 0)), output
    assert code in validated.stdout
    assert code in packaged.stderr
    assert Path("lab.csv").exists() is not bool(code)


def rates(dims: str = "presentation,neuroid") -> tuple[str, ...]:
    np.save("rates.npy", np.arange(4.0).reshape(2, 2))
    tables = ("--coords", "presentation=trials.csv", "--coords", "neuroid=neurons.csv")
    return ("rates.npy", "--dims", dims, *tables, "--class", "NeuroidAssembly")


def times(rt: str = "rt\n001,0.5\n002,0.75") -> tuple[str, ...]:
    table(f"stimulus_id,{rt}\n", "times.csv")
    return ("times.csv", "--value", "rt", "--class", "BehavioralAssembly")


def netcdf(name: str = "rates.nc") -> tuple[str, ...]:
    xr.DataArray(np.zeros((2, 2)), dims=["presentation", "neuroid"], name="data").to_netcdf(name)
    tables = ("--coords", "presentation=trials.csv", "--coords", "neuroid=neurons.csv")
    return (name, *tables, "--class", "NeuroidAssembly")


def parquet_times() -> tuple[str, ...]:
    pd.DataFrame({"stimulus_id": ["001", "002"], "rt": [0.5, 0.75]}).to_parquet("times.parquet")
    return ("times.parquet", "--value", "rt", "--class", "BehavioralAssembly")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (rates, ""),
        (times, ""),
        (netcdf, ""),
        (lambda: netcdf("rates.nc4"), ""),
        (parquet_times, ""),
        (lambda: rates("presentation"), "dims-unnamed"),
        (lambda: rates("presentation,time"), "coords-mismatch"),
        (lambda: times("rt\n001,0.5\n002,timeout"), "cell-kind-differs"),
        (lambda: times("rt,rt\n001,0.5,1\n002,0.5,1"), "column-doubled"),
        (lambda: times("time\n001,0.5\n002,0.75"), "value-column"),
        (lambda: times("rt\n1,0.5\n002,0.75"), "stimulus-id-spelling"),
        (lambda: times("rt\n009,0.5\n002,0.75"), "stimulus-unknown"),
        (lambda: (*netcdf(), "--value", "rt"), "value-column"),
    ],
)
def test_both_commands_report_the_same_problems_of_recordings(
    lab: Path, source: Callable[[], tuple[str, ...]], code: str
) -> None:
    assert run("package", "stimulus-set", "texts", *PUBLISH).exit_code == 0
    table("stimulus_id,repetition\n001,0\n002,0\n", "trials.csv")
    table("neuroid_id,region\n007,V4\n008,IT\n", "neurons.csv")
    files = source()
    validated = run("validate", *files, "--stimuli", "texts")
    packaged = run("package", "assembly", *files, "--stimulus-set", "lab.Doe2026", *PUBLISH)
    output = validated.output + packaged.output
    assert (validated.exit_code, packaged.exit_code) == ((11, 1) if code else (0, 0)), output
    assert code in validated.stdout
    assert code in packaged.stderr
    assert bool(list(Path("files").glob("assy_*"))) is not bool(code)
