"""Copying code from a page, and a machine to run it on."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.visitor import Visitor

SIZE = "print(len(stimulus_set), [path.exists() for path in stimulus_set.stimulus_paths.values()].count(True))"


@dataclass
class Machine:
    """A home without anything."""

    home: Path

    def run(self, *command: str) -> str:
        """Run a command, and return what it writes to its standard output."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("BRAINIO_", "AWS_"))}
        own = {
            "HOME": str(self.home),
            "BRAINIO_HOME": str(self.home / "brainio"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        run = subprocess.run(
            command, cwd=self.home, env=inherited | own, capture_output=True, text=True, check=False, timeout=240
        )
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    def python(self, code: str) -> str:
        return self.run(sys.executable, "-c", code)

    def shell(self, code: str) -> str:
        return self.run("bash", "-ec", code)


def code_of(visitor: Visitor, label: str) -> str:
    """Copy a piece of code as people do, by its button."""
    figure = visitor.page.locator("figure.code").filter(has=visitor.page.get_by_text(label, exact=True))
    figure.get_by_role("button", name="Copy").click()
    expect(figure.get_by_role("button")).to_have_text("Copied")
    copied: str = visitor.page.evaluate("navigator.clipboard.readText()")
    assert copied == figure.locator("code").text_content()
    return copied
