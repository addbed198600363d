"""Copy code from a page, and run it on a machine without data."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.visitor import Visitor

PRINT_SIZE = "print(len(stimulus_set), [path.exists() for path in stimulus_set.stimulus_paths.values()].count(True))"


@dataclass
class CleanMachine:
    """Runs programs with an empty home folder and without settings of brainio."""

    home: Path

    def run(self, *command: str) -> str:
        """Run a command, and return its standard output."""
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


def copy_code(visitor: Visitor, label: str) -> str:
    """Copy a code block with its button, and return the text in the clipboard."""
    figure = visitor.page.locator("figure.code").filter(has=visitor.page.get_by_text(label, exact=True))
    figure.get_by_role("button", name="Copy").click()
    expect(figure.get_by_role("button")).to_have_text("Copied")
    copied: str = visitor.page.evaluate("navigator.clipboard.readText()")
    assert copied == figure.locator("code").text_content()
    return copied
