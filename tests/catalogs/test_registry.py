"""The active catalogs, and the resolution of identifiers in them."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brainio import catalogs
from brainio.catalogs import add_catalog, list_catalogs, resolve
from brainio.catalogs.entries import REQUIRED_COLUMNS
from brainio.errors import (
    AmbiguousEntryError,
    AssemblyLookupError,
    CatalogError,
    CatalogWarning,
    StimulusSetLookupError,
    UnknownCatalogError,
)
from tests.servers import HttpFolder

HEADER = ",".join(REQUIRED_COLUMNS) + ",aliases"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def line(identifier: str, sha1: str = "a" * 40, aliases: str = "") -> str:
    return f"{identifier},assembly,DataAssembly,S3,s3://b/{identifier}.nc,{sha1},,{aliases}"


def test_installed_catalogs_are_active() -> None:
    assert {"brainscore", "brainio_demo"} <= set(list_catalogs())


def test_catalogs_named_in_the_environment_are_active(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = write(tmp_path / "one.csv", line("x.One2026")), write(tmp_path / "two.csv", line("x.Two2026"))
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{first}, {second},")
    assert {"one", "two"} <= set(list_catalogs())
    assert resolve("assembly", "x.Two2026").catalog == "two"
    monkeypatch.delenv("BRAINIO_CATALOGS")
    assert "one" not in list_catalogs()


def test_a_catalog_is_read_over_http_once(http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write(http_folder.folder / "lab.csv", line("x.Doe2026"))
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{http_folder.url}/lab.csv")
    assert resolve("assembly", "x.Doe2026").base == http_folder.url
    assert resolve("assembly", "x.Doe2026").catalog == "lab"
    assert [request.path for request in http_folder.requests if request.method == "GET"] == ["/lab.csv"]


def test_add_catalog_activates_a_catalog(tmp_path: Path) -> None:
    assert add_catalog(write(tmp_path / "one.csv", line("x.One2026"))) == "one"
    assert add_catalog(tmp_path / "one.csv") == "one"
    assert resolve("assembly", "x.One2026").catalog == "one"


def test_a_call_with_a_missing_file_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"none\.csv cannot be read"):
        add_catalog(tmp_path / "none.csv")
    assert "none" not in list_catalogs()


@pytest.mark.parametrize("place", ["foo://host/lab.csv", "s3://lab", "https://"])
def test_a_catalog_at_an_invalid_location_is_refused(place: str) -> None:
    with pytest.raises(CatalogError):
        add_catalog(place)


def test_a_catalog_with_an_unknown_scheme_leaves_the_others_active(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINIO_CATALOGS", "foo://host/lab.csv")
    with pytest.warns(CatalogWarning, match="unknown protocol 'foo'"):
        assert resolve("assembly", "dicarlo.MajajHong2015").catalog == "brainscore"


def test_an_unreachable_catalog_is_read_when_it_is_added_again(http_folder: HttpFolder) -> None:
    with pytest.raises(CatalogError, match=r"lab\.csv cannot be read"):
        add_catalog(f"{http_folder.url}/lab.csv")
    write(http_folder.folder / "lab.csv", line("x.Doe2026"))
    assert add_catalog(f"{http_folder.url}/lab.csv") == "lab"


def test_many_threads_request_a_remote_catalog_once(http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write(http_folder.folder / "many.csv", line("x.Doe2026"))
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{http_folder.url}/many.csv")
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: resolve("assembly", "x.Doe2026").identifier, range(16)))) == 1
    assert [request.method for request in http_folder.requests].count("GET") == 1


def test_the_stimulus_set_of_an_assembly_is_that_of_its_own_catalog(tmp_path: Path) -> None:
    for name, sha1 in (("one", "a" * 40), ("two", "b" * 40)):
        rows = [f"x.Doe2026,stimulus_set,StimulusSet,S3,s3://bkt/{part},{sha1},," for part in ("csv", "zip")]
        rows[1] = rows[1].replace("StimulusSet", "")
        rows.append(f"x.Doe2026,assembly,DataAssembly,S3,s3://bkt/x.nc,{sha1},x.Doe2026,")
        add_catalog(write(tmp_path / f"{name}.csv", *rows))
    stimuli = catalogs.stimulus_set_of(resolve("assembly", "two:x.Doe2026"))
    assert stimuli is not None
    assert stimuli.catalog == "two"


def test_the_stimulus_set_of_an_assembly_may_be_in_another_catalog(tmp_path: Path) -> None:
    add_catalog(write(tmp_path / "one.csv", f"x.Doe2026,assembly,DataAssembly,S3,s3://bkt/x.nc,{'a' * 40},hvm,"))
    stimuli = catalogs.stimulus_set_of(resolve("assembly", "x.Doe2026", catalog="one"))
    assert stimuli is not None
    assert stimuli.catalog == "brainscore"


def test_an_identifier_that_is_not_a_string_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"an identifier is text .* not None"):
        resolve("assembly", None)  # type: ignore[arg-type]


def test_two_catalogs_cannot_claim_one_identifier(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    add_catalog(write(tmp_path / "one.csv", line("x.One2026")))
    with pytest.raises(CatalogError, match="two catalogs have the identifier 'one'"):
        add_catalog(write(tmp_path / "sub" / "one.csv", line("x.One2026")))


def test_an_entry_added_while_the_program_runs_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "one.csv", line("x.One2026"))
    add_catalog(path)
    assert resolve("assembly", "x.One2026")
    catalogs.append_rows(
        path, [dict(zip(HEADER.split(","), line("x.New2026", "c" * 40, "new").split(","), strict=True))]
    )
    assert resolve("assembly", "new").identifier == "x.New2026"


def test_an_unreadable_catalog_is_left_out_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINIO_CATALOGS", str(tmp_path / "gone.csv"))
    with pytest.warns(CatalogWarning, match=r"gone\.csv cannot be read.*BRAINIO_CATALOGS.* left out"):
        assert resolve("assembly", "dicarlo.MajajHong2015").catalog == "brainscore"
    with pytest.raises(CatalogError, match=r"gone\.csv cannot be read"):
        resolve("assembly", "x", catalog="gone")


def test_the_same_hashes_in_two_catalogs_are_one_entry(tmp_path: Path) -> None:
    add_catalog(write(tmp_path / "one.csv", line("x.Doe2026")))
    add_catalog(write(tmp_path / "two.csv", line("x.Doe2026")))
    assert resolve("assembly", "x.Doe2026").catalog == "one"
    assert catalogs.list_assemblies().count("x.Doe2026") == 1


def test_different_hashes_in_two_catalogs_are_an_error_that_explains_how_to_choose(tmp_path: Path) -> None:
    add_catalog(write(tmp_path / "one.csv", line("x.Doe2026")))
    add_catalog(write(tmp_path / "two.csv", line("x.Doe2026", "b" * 40)))
    with pytest.raises(AmbiguousEntryError) as caught:
        resolve("assembly", "x.Doe2026")
    assert "'one:x.Doe2026' or 'two:x.Doe2026'" in str(caught.value)
    assert "catalog='one'" in str(caught.value)
    assert resolve("assembly", "two:x.Doe2026").files[0].sha1 == "b" * 40
    assert resolve("assembly", "x.Doe2026", catalog="two").files[0].sha1 == "b" * 40


def test_an_identifier_has_priority_over_an_alias_of_the_same_name(tmp_path: Path) -> None:
    add_catalog(write(tmp_path / "one.csv", line("x.Old2026", aliases="x.Doe2026"), line("x.Doe2026", "b" * 40)))
    assert resolve("assembly", "x.Doe2026").files[0].sha1 == "b" * 40


def test_aliases_resolve() -> None:
    assert resolve("stimulus_set", "dicarlo.hvm").identifier == "hvm"
    assert resolve("assembly", "MajajHong2015").identifier == "dicarlo.MajajHong2015"


@pytest.mark.parametrize("typo", ["dicarlo.MajajHnog2015", "DICARLO.MAJAJHONG2015", "Majaj", "MajajHong2015x"])
def test_an_unknown_identifier_gets_suggestions(typo: str) -> None:
    with pytest.raises(AssemblyLookupError, match=r"did you mean .*MajajHong2015") as caught:
        resolve("assembly", typo)
    assert isinstance(caught.value, KeyError)


def test_an_identifier_of_the_other_kind_is_an_error_that_names_the_kind() -> None:
    with pytest.raises(AssemblyLookupError, match="'hvm' is a stimulus set: use get_stimulus_set"):
        resolve("assembly", "hvm")
    with pytest.raises(StimulusSetLookupError, match="is an assembly: use get_assembly"):
        resolve("stimulus_set", "dicarlo.MajajHong2015")


def test_an_unknown_version_lists_the_known_ones() -> None:
    with pytest.raises(AssemblyLookupError, match=r"'aru\.Kuzovkin2018' has no version '7'; it has 1, 2"):
        resolve("assembly", "aru.Kuzovkin2018", version="7")


def test_an_unknown_catalog_is_an_error_that_names_the_active_ones() -> None:
    with pytest.raises(UnknownCatalogError, match=r"no catalog 'lab' is active .*brainscore"):
        resolve("assembly", "x", catalog="lab")


CATALOG = (
    "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier\n"
    f"x.Doe2026,assembly,NeuroidAssembly,S3,s3://b/x.nc,{'a' * 40},\n"
)
MODULES = {
    "source": "from brainio.catalogs import CatalogSource\nlab = CatalogSource('lab', {path!r})\n",
    "function": "from brainio.catalogs import Catalog\ndef lab(): return Catalog.from_files('lab', {path!r})\n",
    "frame": (
        "import pandas as pd\nfrom brainio.catalogs import Catalog\n"
        "def lab(): return Catalog(pd.read_csv({path!r}, dtype=object))\n"
    ),
    "broken": "def lab(): raise RuntimeError('the lab moved')\n",
}
LOOK = "import brainio.catalogs as c; print(c.resolve('assembly', 'x.Doe2026').catalog)"


def install(folder: Path, way: str) -> Path:
    """Install a distribution with the catalog `lab` in a folder, like pip."""
    (folder / "lab.csv").write_text(CATALOG)
    (folder / "lab_catalog.py").write_text(MODULES[way].format(path=str(folder / "lab.csv")))
    info = folder / "lab_catalog-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-catalog\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[brainio_lookups]\nlab = lab_catalog:lab\n")
    return folder


def run(folder: Path, code: str) -> "subprocess.CompletedProcess[str]":
    program = f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("way", ["source", "function", "frame"])
def test_an_installed_distribution_offers_its_catalog(tmp_path: Path, way: str) -> None:
    done = run(install(tmp_path, way), LOOK)
    assert done.stdout == "lab\n", done.stderr


def test_a_catalog_source_is_read_without_pandas(tmp_path: Path) -> None:
    done = run(install(tmp_path, "source"), f"{LOOK}\nprint('pandas' in sys.modules)")
    assert done.stdout == "lab\nFalse\n", done.stderr


def test_a_broken_distribution_is_left_out_with_a_warning(tmp_path: Path) -> None:
    done = run(install(tmp_path, "broken"), "import brainio; print(brainio.list_catalogs())")
    assert done.stdout == "['brainio_demo', 'brainscore']\n"
    assert "catalog 'lab' (lab_catalog:lab) is left out: RuntimeError: the lab moved" in done.stderr
