"""Packaging, checking and loading agree on the names of files in every spelling."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from typing import TYPE_CHECKING

import pytest

import brainio
from brainio.catalogs import append_rows
from brainio.errors import ArchiveError, PackagingError, StimulusSetFormatError
from brainio.member_names import MemberNames, normalized_name
from brainio.packaging import package_stimulus_set
from brainio.stimuli import StimulusSet
from brainio.validation import check_catalog, validate
from tests.lab import sha1

if TYPE_CHECKING:
    from pathlib import Path

NFC, NFD = (unicodedata.normalize(form, "café.txt") for form in ("NFC", "NFD"))
SPELLINGS = ["./a.txt", "b//a.txt", "b/./a.txt", "./b/.//a.txt", NFC, NFD, "a b.txt", "é/ü.txt"]
NAME = "lab.Doe2026"


def set_of(folder: Path, *names: str) -> StimulusSet:
    ids = [f"s{number}" for number in range(len(names))]
    stimuli = StimulusSet({"stimulus_id": ids, "filename": list(names)})
    stimuli.stimulus_paths = {key: folder / f"{key}.txt" for key in ids}
    for key in ids:
        (folder / f"{key}.txt").write_text(key)
    return stimuli


def publish(folder: Path, names: list[str], members: list[zipfile.ZipInfo]) -> Path:
    """List a set from another version of the package, whose table has some names of files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for number, member in enumerate(members):
            file.writestr(member, f"s{number}")
    table = "stimulus_id,filename\n" + "".join(f"s{number},{name}\n" for number, name in enumerate(names))
    rows = []
    for part, cls, content in (("csv", "StimulusSet", table.encode()), ("zip", "", archive.getvalue())):
        (folder / f"set.{part}").write_bytes(content)
        columns = ("identifier", "lookup_type", "class", "location_type", "location", "sha1")
        values = (NAME, "stimulus_set", cls, "file", str(folder / f"set.{part}"), sha1(content))
        rows.append(dict(zip(columns, values, strict=True)))
    append_rows(folder / "lab.csv", rows)
    brainio.add_catalog(folder / "lab.csv")
    return folder / "lab.csv"


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_packaged_set_with_any_spelling_of_file_names_passes_the_check_and_loads(tmp_path: Path, name: str) -> None:
    package_stimulus_set(tmp_path / "lab.csv", set_of(tmp_path, name, "other.txt"), NAME, tmp_path / "store")
    assert check_catalog(tmp_path / "lab.csv", files="all").problems == ()
    brainio.add_catalog(tmp_path / "lab.csv")
    loaded = brainio.get_stimulus_set(NAME)
    assert loaded["filename"].tolist() == [normalized_name(name), "other.txt"]
    assert [loaded.get_stimulus(key).read_text() for key in ("s0", "s1")] == ["s0", "s1"]
    assert validate(loaded).ok
    report = validate(tmp_path / "store" / "stimulus_lab_Doe2026.csv")
    assert [problem.code for problem in report.problems if problem.code != "file-kind-mixed"] == []


def member(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name)


class _WithoutFlag(zipfile.ZipInfo):
    """A member with a UTF-8 name but without the UTF-8 flag, as written by macOS and old versions of zip."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode(), self.flag_bits & ~0x800


class _AsCp437(zipfile.ZipInfo):
    """A member with a name in cp437, as written by Windows."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("cp437"), self.flag_bits & ~0x800


PUBLISHED = {
    "./ in the table": ("./a.txt", member("a.txt")),
    "./ in the archive": ("a.txt", member("./a.txt")),
    "doubled slashes": ("b//a.txt", member("b/a.txt")),
    "NFC in the table, NFD in the archive": (NFC, member(NFD)),
    "NFD in the table, NFC in the archive": (NFD, member(NFC)),
    "UTF-8 without the flag": (NFC, _WithoutFlag(NFC)),
    "NFD without the flag": (NFC, _WithoutFlag(NFD)),
    "cp437": (NFC, _AsCp437(NFC)),
    "as zipfile lists it": (NFC.encode().decode("cp437"), _WithoutFlag(NFC)),
}


@pytest.mark.parametrize("case", PUBLISHED)
def test_published_archives_with_other_spellings_load_and_pass_the_check(tmp_path: Path, case: str) -> None:
    name, info = PUBLISHED[case]
    catalog = publish(tmp_path, [name, "other.txt"], [info, member("other.txt")])
    assert check_catalog(catalog, files="all").problems == ()
    assert [problem.code for problem in validate(NAME).problems] == []
    loaded = brainio.get_stimulus_set(NAME)
    assert loaded["filename"].tolist() == [name, "other.txt"]  # the published table is unchanged
    assert [loaded.get_stimulus(key).read_text() for key in ("s0", "s1")] == ["s0", "s1"]
    assert loaded.find_local_path("s0") == loaded.get_stimulus("s0")
    loaded.get_stimulus("s0").unlink()
    assert loaded.get_stimulus("s0").read_text() == "s0"


@pytest.mark.parametrize(
    ("name", "info", "code"),
    [
        ("missing.txt", member("a.txt"), "file-missing"),
        ("../a.txt", member("a.txt"), "table-unreadable"),
        ("a.txt", member("../a.txt"), "archive-unreadable"),
        ("b/a.txt", member("b\\a.txt"), "archive-unreadable"),
    ],
)
def test_a_published_set_that_cannot_be_loaded_does_not_pass_the_check(
    tmp_path: Path, name: str, info: zipfile.ZipInfo, code: str
) -> None:
    catalog = publish(tmp_path, [name], [info])
    assert [problem.code for problem in check_catalog(catalog, files="all").errors] == [code]
    with pytest.raises((ArchiveError, StimulusSetFormatError)):
        brainio.get_stimulus_set(NAME)


@pytest.mark.parametrize("name", ["../a.txt", "b/../../a.txt", "/a.txt", "b\\a.txt", "C:a.txt", "", ".", "a\nb.txt"])
def test_names_that_could_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackagingError, match="member-unsafe"):
        package_stimulus_set(tmp_path / "lab.csv", set_of(tmp_path, name), NAME, tmp_path / "store")


@pytest.mark.parametrize(
    "names", [("a.txt", "./a.txt"), (NFC, NFD), ("a.txt", "A.txt"), ("a", "a/b.txt"), ("./a/", "a")]
)
def test_two_files_with_equivalent_names_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    with pytest.raises(PackagingError, match="member-clash"):
        package_stimulus_set(tmp_path / "lab.csv", set_of(tmp_path, *names), NAME, tmp_path / "store")


def test_files_of_a_folder_are_found_in_either_form_of_unicode(tmp_path: Path) -> None:
    (tmp_path / NFD).write_text("s0")
    (tmp_path / "stimuli.csv").write_text(f"stimulus_id,filename\ns0,{NFC}\n")
    assert StimulusSet.from_files(tmp_path / "stimuli.csv", tmp_path).get_stimulus("s0").read_text() == "s0"
    assert validate(tmp_path).ok


def test_an_exact_name_has_priority_over_other_spellings() -> None:
    names = MemberNames([NFC, NFD, "b/a.txt"])
    assert (names.find(NFC), names.find(NFD), names.find("./b/a.txt"), names.find("c")) == (NFC, NFD, "b/a.txt", None)
    assert names.find(f"./{NFC}") is None  # the name is ambiguous
