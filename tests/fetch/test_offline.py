"""With `BRAINIO_OFFLINE` set, entries load from files on this machine, without any request."""

import logging
import os
from pathlib import Path

import pytest

import brainio
from brainio.errors import OfflineError
from tests.lab import Lab, assembly_file


@pytest.fixture
def mirrored(lab: Lab, tmp_path: Path) -> Path:
    """A local mirror of an assembly whose stimulus set is in the cache."""
    mirror = tmp_path / "mirror.nc"
    mirror.write_bytes(assembly_file(tmp_path))
    lab.publish_stimuli()
    lab.publish("assy_lab_Doe2026.nc", mirror.read_bytes(), "NeuroidAssembly", mirrors=mirror.as_uri())
    brainio.get_stimulus_set("lab.Doe2026")
    lab.server.requests.clear()
    return mirror


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.filterwarnings("ignore::brainio.errors.StreamWarning")
def test_offline_a_local_mirror_is_used(
    lab: Lab, mirrored: Path, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    assert brainio.get_assembly("lab.Doe2026", stream=stream).shape == (4, 2)
    assert lab.server.requests == []


def test_offline_streaming_does_not_need_the_stimulus_archive(
    lab: Lab, mirrored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brainio.get_assembly("lab.Doe2026")
    (archive,) = Path(os.environ["BRAINIO_HOME"]).rglob("*.zip")
    archive.unlink()
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    streamed = brainio.get_assembly("lab.Doe2026", stream=True)
    assert streamed["object_name"].values.tolist() == ["car", "face", "car", "face"]
    with pytest.raises(OfflineError, match=r"1 of the files(?s:.*)stimulus_lab_Doe2026\.zip"):
        brainio.get_assembly("lab.Doe2026")


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.filterwarnings("ignore::brainio.errors.EntryStatusWarning")
def test_offline_errors_name_the_version_to_fetch(lab: Lab, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    for number, status in (("1", "superseded"), ("2", "current")):
        lab.publish(f"assy_{number}.nc", number.encode(), "NeuroidAssembly", version=number, status=status)
    lab.publish_stimuli()
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.raises(OfflineError) as caught:
        brainio.get_assembly("lab.Doe2026", version=version)
    command = {"1": "brainio get lab.Doe2026 --version 1", "2": "brainio get lab.Doe2026"}[version]
    assert str(caught.value).endswith(command)


def test_a_missing_shared_cache_is_logged_once(
    lab: Lab, mirrored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setenv("BRAINIO_SHARED", f"{shared}{os.pathsep}{tmp_path / 'mis-spelt'}")
    with caplog.at_level(logging.WARNING):
        brainio.get_assembly("lab.Doe2026")
        brainio.get_stimulus_set("lab.Doe2026")
    (message,) = (record.getMessage() for record in caplog.records)
    assert "mis-spelt" in message
    assert "BRAINIO_SHARED" in message
