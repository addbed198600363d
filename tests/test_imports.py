"""Imports are fast, only go downwards, and offer every public name."""

import ast
import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import brainio

PACKAGE = Path(brainio.__file__).parent
HEAVY = ["numpy", "pandas", "xarray", "boto3", "botocore", "fsspec", "netCDF4", "PIL", "sqlalchemy"]
# The layers, from the top. A part (a package or top-level module) imports only itself and parts of lower layers.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"service"},
    {"s3", "lookup"},
    {"packaging", "exchange", "lockfile", "relations"},
    {"validation", "cards"},
    {"fetch"},
    {"index"},
    {"catalogs"},
    {"stores", "cache"},
    {"assemblies", "stimuli", "transform"},
    {"netcdf"},
    {"views"},
    {"cursors", "worker_process", "locks"},
    {"version"},
    {"installation", "progress", "dois", "licenses", "levels", "xarray_compat", "units"},
    {"threads", "forks", "local_files"},
    {"processes", "memory"},
    {"errors", "text_tables"},
    {"text", "member_names"},
]
INTERFACE = {
    "brainio": (
        "get_assembly get_stimulus_set list_assemblies list_stimulus_sets list_catalogs get_catalog add_catalog"
    ),
    "brainio.stimuli": "StimulusSet StimulusSetLoader",
    "brainio.assemblies": (
        "DataAssembly BehavioralAssembly NeuroidAssembly NeuronRecordingAssembly ModelFeaturesAssembly "
        "PropertyAssembly SpikeTimesAssembly MetadataAssembly walk_coords merge_data_arrays array_is_element "
        "gather_indexes get_levels coords_for_dim get_metadata AssemblyLoader StimulusReferenceAssemblyLoader "
        "StimulusMergeAssemblyLoader GroupAppendAssemblyLoader DataPoint GroupbyError is_fastpath "
        "GroupbyBridge BRAINIO_CHUNKS"
    ),
    "brainio.packaging": (
        "package_data_assembly package_stimulus_set write_netcdf create_stimulus_csv create_stimulus_zip "
        "upload_to_s3 get_user_info check_naming_convention check_stimulus_naming_convention "
        "check_image_format check_stimulus_numbers check_experiment_stimulus_set extract_specific "
        "TYPE_ASSEMBLY TYPE_STIMULUS_SET"
    ),
    "brainio.s3": (
        "load_stimulus_set_from_s3 load_assembly_from_s3 load_file load_weight_file load_folder_from_s3 "
        "load_file_from_s3 sha1_hash download_file_if_not_exists get_path"
    ),
    "brainio.lookup": (
        "lookup_assembly lookup_stimulus_set combined_catalog get_catalogs append sha1_hash TYPE_ASSEMBLY "
        "TYPE_STIMULUS_SET AssemblyLookupError StimulusSetLookupError list_assemblies list_stimulus_sets "
        "get_catalog list_catalogs"
    ),
    "brainio.fetch": (
        "get_assembly get_stimulus_set fetch_file unzip verify_sha1 get_local_data_path "
        "resolve_assembly_class resolve_stimulus_set_class StimulusSetLoader BotoFetcher"
    ),
    "brainio.catalogs": "Catalog",
    "brainio.transform": "subset index_efficient",
}


@pytest.mark.parametrize("code", ["import brainio", "import brainio.cli", "import brainio; brainio.list_assemblies()"])
def test_nothing_heavy_is_imported(code: str) -> None:
    program = f"import sys\n{code}\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("module", INTERFACE)
def test_the_names_of_the_interface_are_importable(module: str) -> None:
    imported = importlib.import_module(module)
    assert [name for name in INTERFACE[module].split() if not hasattr(imported, name)] == []


def test_completion_sees_every_public_name() -> None:
    program = "import brainio; print(*dir(brainio))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {*INTERFACE["brainio"].split(), "assemblies", "stimuli", "fetch", "packaging"} <= set(done.stdout.split())


def test_the_version_equals_that_of_the_distribution() -> None:
    assert brainio.__version__ == importlib.metadata.version("brainio-data")


@pytest.mark.parametrize("stub", sorted(PACKAGE.rglob("__init__.pyi")), ids=lambda path: path.parent.name)
def test_every_name_that_type_checkers_see_can_be_loaded(stub: Path) -> None:
    package = importlib.import_module(".".join(["brainio", *stub.parent.relative_to(PACKAGE).parts]))
    names = [alias.name for node in ast.walk(ast.parse(stub.read_text())) for alias in getattr(node, "names", [])]
    assert [name for name in names if name != "os" and not hasattr(package, name)] == []
    assert (PACKAGE / "py.typed").exists()


def test_an_unknown_name_is_an_attribute_error() -> None:
    name = "get_asembly"
    with pytest.raises(AttributeError, match=name):
        getattr(brainio, name)


def modules_imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    modules = [node.module or "" for node in froms]
    modules += [f"{node.module}.{alias.name}" for node in froms for alias in node.names]
    modules += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {module for module in modules if module.startswith("brainio.")}


def parts_imported(path: Path) -> set[str]:
    return {module.split(".")[1] for module in modules_imported(path)}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part == "__init__":
        return
    layer = next(number for number, parts in enumerate(LAYERS) if part in parts)
    below = set().union(*LAYERS[layer + 1 :])
    same_layer = {"assemblies", "stimuli", "transform"} if part in ("assemblies", "transform") else set()
    assert parts_imported(path) - {part} <= below | same_layer


SERVICE = sorted(PACKAGE.glob("service/**/*.py"))


@pytest.mark.parametrize("path", SERVICE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_pages_and_resources_of_the_service_do_not_import_each_other(path: Path) -> None:
    """Shared code is in lower layers, which import neither. Only the application imports both."""
    part = path.relative_to(PACKAGE / "service").parts[0]
    if part == "app.py":
        return
    interfaces = {f"brainio.service.{name}" for name in ("pages", "resources") if name != part}
    assert {".".join(module.split(".")[:3]) for module in modules_imported(path)} & interfaces == set()
