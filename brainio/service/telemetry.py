"""Telemetry of the service: log lines as JSON on stderr, metrics for Prometheus.

The log covers the service, uvicorn and the warnings of other modules, without secrets. Metrics cover one process, or
all processes that share `PROMETHEUS_MULTIPROC_DIR`.
"""

import json
import logging
import logging.config
import os
import sys
from collections.abc import MutableMapping
from functools import cache
from typing import Any

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, multiprocess
from prometheus_client.exposition import choose_encoder

from brainio.stores.redaction import redact
from brainio.text import printable_json

_timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)


def _without_secrets(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: redact(value) if isinstance(value, str) else value for name, value in event.items()}


_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _timestamp,
    structlog.processors.format_exc_info,
    _without_secrets,
]


def _drop_structlog_fields(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in ("_record", "_from_structlog", "color_message"):
        event.pop(name, None)
    return event


def _to_json(event: MutableMapping[str, Any], **options: Any) -> str:
    return printable_json(json.dumps(event, ensure_ascii=False, **options))


LOG_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _PROCESSORS,
            "processors": [_drop_structlog_fields, structlog.processors.JSONRenderer(serializer=_to_json)],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "brainio": {"level": "INFO"},
        "uvicorn": {"level": "INFO"},
        "uvicorn.access": {"level": "CRITICAL", "propagate": False},
    },
}

# Runs once per request, and its fields contain no secrets: skip the shared processors.
access_logger: structlog.BoundLogger = structlog.wrap_logger(
    structlog.WriteLogger(sys.stderr),
    processors=[_timestamp, structlog.processors.JSONRenderer(serializer=_to_json)],
    wrapper_class=structlog.BoundLogger,
).bind(logger="brainio.service.access", level="info")


def set_up_logging() -> None:
    """Log all messages and warnings of this process as JSON."""
    logging.config.dictConfig(LOG_CONFIG)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


METRICS_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_requests = Counter("brainio_requests", "Requests that were answered.", ["method", "route", "status"])
_seconds = Histogram(
    "brainio_request_seconds",
    "Seconds until the last byte of a response was handed to the connection.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
_bytes = Counter("brainio_sent_bytes", "Bytes of response bodies.", ["route"])
refused_tokens = Counter("brainio_tokens_refused", "Refused tokens, by reason.", ["reason"])
running_requests = Gauge("brainio_requests_running", "Requests in progress.", multiprocess_mode="livesum")
catalog_states = Gauge("brainio_catalogs", "Public catalogs, by state.", ["state"], multiprocess_mode="mostrecent")


@cache
def _metrics_of(method: str, route: str, status: int) -> tuple[Counter, Histogram, Counter]:
    return _requests.labels(method, route, status), _seconds.labels(route), _bytes.labels(route)


def count_request(method: str, route: str, status: int, seconds: float, sent: int) -> None:
    """Count a request by its route template, which keeps the number of labels small."""
    requests, times, sizes = _metrics_of(method, route, status)
    requests.inc()
    times.observe(seconds)
    sizes.inc(sent)


def metrics_exposition(accept: str) -> tuple[bytes, str]:
    """Return all metrics in a format that Prometheus accepts, and its media type."""
    registry = REGISTRY
    if METRICS_FOLDER_VARIABLE in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type
