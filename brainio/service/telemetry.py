"""Logs as lines of JSON on stderr: of the service, of uvicorn, and warnings of the rooms below, without secrets."""

import json
import logging
import logging.config
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from brainio.stores.redaction import redacted
from brainio.text import printable_json

_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True)


def _without_secrets(_logger: object, _name: str, told: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: redacted(value) if isinstance(value, str) else value for name, value in told.items()}


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _TIME,
    structlog.processors.format_exc_info,
    _without_secrets,
]


def _plain(_logger: object, _name: str, told: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in ("_record", "_from_structlog", "color_message"):
        told.pop(name, None)
    return told


def _in_json(told: MutableMapping[str, Any], **how: Any) -> str:
    return printable_json(json.dumps(told, ensure_ascii=False, **how))


CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _SHARED,
            "processors": [_plain, structlog.processors.JSONRenderer(serializer=_in_json)],
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

# A line a request goes the short way: it holds nothing that would have to be taken out.
access_logger: structlog.BoundLogger = structlog.wrap_logger(
    structlog.WriteLogger(sys.stderr),
    processors=[_TIME, structlog.processors.JSONRenderer(serializer=_in_json)],
    wrapper_class=structlog.BoundLogger,
).bind(logger="brainio.service.access", level="info")


def set_up() -> None:
    """Have everything logged as JSON by this process."""
    logging.config.dictConfig(CONFIG)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
