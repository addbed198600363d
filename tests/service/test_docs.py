"""docs/service.md: its example requests get the documented answers, and it documents every setting."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from brainio.service.settings import Settings
from tests.service.service_process import TOP, ServiceProcess

TEXT = (TOP / "docs" / "service.md").read_text()
EXAMPLES = re.findall(r"^\$ (curl .*)\n(.*)\n", TEXT, re.MULTILINE)


def test_every_documented_request_gets_the_documented_answer(tmp_path: Path) -> None:
    assert len(EXAMPLES) >= 6
    with ServiceProcess(tmp_path / "served") as service:
        for command, answer in EXAMPLES:
            words = shlex.split(command.replace("localhost:8000", service.url))
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            request_id = re.compile(r'"request_id":"\w+"')
            assert request_id.sub("", done.stdout.strip()) == request_id.sub("", answer)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in TEXT.partition("Options of the command")[0]
