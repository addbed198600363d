"""Counts and times for Prometheus, of one process or of all that share `PROMETHEUS_MULTIPROC_DIR`."""

import os
from functools import cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, multiprocess
from prometheus_client.exposition import choose_encoder

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_requests = Counter("brainio_requests", "Requests that were answered.", ["method", "route", "status"])
_seconds = Histogram(
    "brainio_request_seconds",
    "Seconds until the last byte of an answer was handed to the connection.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
_bytes = Counter("brainio_sent_bytes", "Bytes of bodies that were sent.", ["route"])
refused_tokens = Counter("brainio_tokens_refused", "Tokens that did not serve, by what they are.", ["reason"])
running = Gauge("brainio_requests_running", "Requests that are being answered.", multiprocess_mode="livesum")
held = Gauge(
    "brainio_catalogs", "Catalogs that are not private, by how they are had.", ["state"], multiprocess_mode="mostrecent"
)


@cache
def _of(method: str, route: str, status: int) -> tuple[Counter, Histogram, Counter]:
    return _requests.labels(method, route, status), _seconds.labels(route), _bytes.labels(route)


def count(method: str, route: str, status: int, seconds: float, sent: int) -> None:
    """Count a request that was answered; a route is a template, so that there are few."""
    requests, times, sizes = _of(method, route, status)
    requests.inc()
    times.observe(seconds)
    sizes.inc(sent)


def exposition(accept: str) -> tuple[bytes, str]:
    """Return what Prometheus reads, and its media type."""
    registry = REGISTRY
    if FOLDER_VARIABLE in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type
