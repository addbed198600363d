"""Promises of docs/service.md: its requests were made, its answers came, and no setting is missing."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from brainio.service.settings import Settings
from tests.service.service_process import TOP, ServiceProcess

TEXT = (TOP / "docs" / "service.md").read_text()
ASKED = re.findall(r"^\$ (curl .*)\n(.*)\n", TEXT, re.MULTILINE)


def test_every_request_is_answered_as_it_is_written(tmp_path: Path) -> None:
    assert len(ASKED) >= 6
    with ServiceProcess(tmp_path / "served") as service:
        for command, answer in ASKED:
            words = shlex.split(command.replace("localhost:8000", service.url))
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            request_id = re.compile(r'"request_id":"\w+"')
            assert request_id.sub("", done.stdout.strip()) == request_id.sub("", answer)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_written_of(name: str) -> None:
    assert f"`{name}`" in TEXT.partition("Options of the command")[0]
