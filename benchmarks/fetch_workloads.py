"""Workloads and floors of fetching: this project, verified, against bare boto3, from the same kind of static server."""

import atexit
import csv
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.contexts import Context, RawContext
from benchmarks.data_files import BUCKET, PACKAGES, Places
from benchmarks.static_s3 import static_s3
from benchmarks.workloads import Timed

_AT_ONCE = 8
_started = ExitStack()
atexit.register(_started.close)


def fetch_large(context: Context) -> Timed:
    """Fetch a large file into an empty cache, verified."""
    from brainio.fetch import ExpectedFile, ensure_cached
    from brainio.stores import parse_location

    _serve(context.places)
    sha1 = _rows(context.places)["benchmark.Large"]["sha1"]
    wanted = ExpectedFile([(parse_location(f"s3://{BUCKET}/{context.places.large.name}"), "")], sha1)
    return _with_own_cache(context.places, lambda: ensure_cached(wanted))


def fetch_packages(context: Context) -> Timed:
    """Fetch many packages at once into an empty cache, verified."""
    from brainio import fetch_many

    _serve(context.places)
    context.put_in_force(context.places.packages_catalog)
    names = [f"benchmark.Package{number}" for number in range(PACKAGES)]
    return _with_own_cache(context.places, lambda: fetch_many(names))


def boto3_large(context: RawContext) -> Timed:
    """Download the large file by `download_file` of boto3, which uses several connections."""
    client, target = _client(context.places), context.places.written("floor", ".bin")
    download = partial(client.download_file, BUCKET, context.places.large.name, str(target))
    return Timed(download, clear=partial(target.unlink, missing_ok=True))


def boto3_packages(context: RawContext) -> Timed:
    """Download the packages by boto3, eight at a time."""
    client, folder = _client(context.places), context.places.folder / "packages-floor"

    def download(number: int) -> None:
        name = context.places.package(number).name
        body = client.get_object(Bucket=BUCKET, Key=name)["Body"]
        with (folder / name).open("wb") as file:
            for block in body.iter_chunks(1 << 20):
                file.write(block)

    def download_all() -> None:
        folder.mkdir()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(download, range(PACKAGES)))

    return Timed(download_all, clear=partial(shutil.rmtree, folder, ignore_errors=True))


def _serve(places: Places) -> None:
    """Start a server in a process of its own, which ends with this one, and have S3 asked there."""
    os.environ["AWS_ENDPOINT_URL"] = _started.enter_context(static_s3(places.store))
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def _client(places: Places) -> Any:
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    _serve(places)
    config = Config(signature_version=UNSIGNED, max_pool_connections=32)
    return boto3.session.Session().client("s3", region_name="us-east-1", config=config)


def _with_own_cache(places: Places, call: Callable[[], object]) -> Timed:
    """Make a call with a cache of its own, which is empty when it begins."""
    home = places.folder / "packages-ours"

    def with_own_cache() -> object:
        usual = os.environ["BRAINIO_HOME"]
        os.environ["BRAINIO_HOME"] = str(home)
        try:
            return call()
        finally:
            os.environ["BRAINIO_HOME"] = usual

    return Timed(with_own_cache, clear=partial(shutil.rmtree, home, ignore_errors=True))


def _rows(places: Places) -> dict[str, dict[str, str]]:
    with Path(places.packages_catalog).open(newline="") as file:
        return {row["identifier"]: row for row in csv.DictReader(file)}


WORKLOADS = {function.__name__: function for function in (fetch_large, fetch_packages)}
FLOORS = {function.__name__: function for function in (boto3_large, boto3_packages)}
