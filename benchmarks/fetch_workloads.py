"""Workloads of fetching: this project with verification, against boto3 as the floor, from a static S3 server."""

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
from benchmarks.data_files import BUCKET, PACKAGES, DataPaths
from benchmarks.static_s3 import static_s3
from benchmarks.workloads import TimedCall

_CONNECTIONS = 8
_servers = ExitStack()
atexit.register(_servers.close)


def fetch_large(context: Context) -> TimedCall:
    """Fetch a large file into an empty cache and verify it."""
    from brainio.fetch import ExpectedFile, ensure_cached
    from brainio.stores import parse_location

    _serve(context.paths)
    sha1 = _rows(context.paths)["benchmark.Large"]["sha1"]
    expected = ExpectedFile([(parse_location(f"s3://{BUCKET}/{context.paths.large.name}"), "")], sha1)
    return _with_own_cache(context.paths, lambda: ensure_cached(expected))


def fetch_packages(context: Context) -> TimedCall:
    """Fetch many packages at once into an empty cache and verify them."""
    from brainio import fetch_many

    _serve(context.paths)
    context.activate_catalog(context.paths.packages_catalog)
    names = [f"benchmark.Package{number}" for number in range(PACKAGES)]
    return _with_own_cache(context.paths, lambda: fetch_many(names))


def boto3_large(context: RawContext) -> TimedCall:
    """Download the large file with `download_file` of boto3, which uses several connections."""
    client, target = _client(context.paths), context.paths.written_path("floor", ".bin")
    download = partial(client.download_file, BUCKET, context.paths.large.name, str(target))
    return TimedCall(download, clear=partial(target.unlink, missing_ok=True))


def boto3_packages(context: RawContext) -> TimedCall:
    """Download the packages with boto3 over eight connections."""
    client, folder = _client(context.paths), context.paths.folder / "packages-floor"

    def download(number: int) -> None:
        name = context.paths.package(number).name
        body = client.get_object(Bucket=BUCKET, Key=name)["Body"]
        with (folder / name).open("wb") as file:
            for block in body.iter_chunks(1 << 20):
                file.write(block)

    def download_all() -> None:
        folder.mkdir()
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            list(pool.map(download, range(PACKAGES)))

    return TimedCall(download_all, clear=partial(shutil.rmtree, folder, ignore_errors=True))


def _serve(paths: DataPaths) -> None:
    """Start a server process, which ends with this process, and direct S3 requests to it."""
    os.environ["AWS_ENDPOINT_URL"] = _servers.enter_context(static_s3(paths.store))
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def _client(paths: DataPaths) -> Any:
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    _serve(paths)
    config = Config(signature_version=UNSIGNED, max_pool_connections=32)
    return boto3.session.Session().client("s3", region_name="us-east-1", config=config)


def _with_own_cache(paths: DataPaths, call: Callable[[], object]) -> TimedCall:
    """Return a call that uses a separate, empty cache."""
    home = paths.folder / "packages-ours"

    def call_with_own_cache() -> object:
        previous = os.environ["BRAINIO_HOME"]
        os.environ["BRAINIO_HOME"] = str(home)
        try:
            return call()
        finally:
            os.environ["BRAINIO_HOME"] = previous

    return TimedCall(call_with_own_cache, clear=partial(shutil.rmtree, home, ignore_errors=True))


def _rows(paths: DataPaths) -> dict[str, dict[str, str]]:
    with Path(paths.packages_catalog).open(newline="") as file:
        return {row["identifier"]: row for row in csv.DictReader(file)}


WORKLOADS = {function.__name__: function for function in (fetch_large, fetch_packages)}
FLOORS = {function.__name__: function for function in (boto3_large, boto3_packages)}
