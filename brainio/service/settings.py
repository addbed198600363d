"""Settings of the service, from the environment (`BRAINIO_SERVE_PORT`, ...) and a TOML file."""

import re
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic.functional_validators import BeforeValidator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from brainio.errors import ServiceError
from brainio.worker_process import Limits

PREFIX = "BRAINIO_SERVE_"
RESERVED = frozenset(
    {
        *("api", "assembly", "assets", "catalog", "catalogs", "healthz", "index.json", "metrics"),
        *("signin", "signout", "stimulus", "stimulus_set", "thumbnail"),
    }
)
"""First segments of the service's own paths."""
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^\s/?#@,*]+", re.ASCII)
_HOST_NAME = re.compile(r"\*|(?:\*\.)?[^\s/?#@,*:\[\]]+|\[?[0-9A-Fa-f:.]+\]?")


def _split_commas(value: object) -> object:
    """Split a list as it is written in the environment: with commas."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


StringList = Annotated[list[str], NoDecode, BeforeValidator(_split_commas)]


class Settings(BaseSettings):
    """Settings of a service.

    Attributes
    ----------
    host, port : str, int
        Address to listen on; port 0 chooses a free port.
    public_url : str
        URL under which readers reach the service, for code snippets and descriptions; by default each request's own.
        It may have a path (`https://lab.example/brainio`), with which every URL of the service then begins.
    allowed_hosts : list of str
        Further host names under which requests may reach the service, without a port; `*.lab.example` covers all names
        below a domain, `*` turns the check off. Other names are refused with status 421.
    workers : int
        Number of worker processes.
    refresh_seconds : float
        Interval between two checks for changed catalogs.
    remote_refresh_seconds : float
        Interval between two reads of a remote catalog.
    signed_buckets : list of str
        Private S3 buckets whose objects clients get by links signed with the credentials of the service. Separated by
        commas in the environment.
    signed_seconds : int
        Validity of a signed link.
    private : list of str
        Catalogs that are visible only with a token for them; `*` is all catalogs.
    database : str
        Database for tokens, embargoes and the change log: `sqlite:////PATH` or `postgresql://USER@HOST/NAME`, which
        stores the search index as well. Empty: SQLite files below `BRAINIO_HOME`.
    origins : list of str, optional
        Origins (`https://lab.example`) whose pages may read the service in a browser; `*` is every site. By default
        `*` if `public_url` names a public host, otherwise none.
    cached_mb : int
        Size of the cache of rendered responses in each process, in MB.
    trusted_proxies : str
        Addresses, separated by commas, of proxies whose `X-Forwarded-For` and `-Proto` headers are trusted.
    access_log : bool
        Whether to log every request.
    profiles : bool
        Whether to build profiles (thumbnails, statistics) of entries whose files are on this machine.
    profile_seconds, profile_memory_mb : int
        Limits of time and resident memory for one profile, in the worker process that builds them.
    stop_seconds : int
        Time that running requests get to finish when the service stops.

    Examples
    --------
    >>> Settings(port=9000, signed_buckets="lab-private, lab-raw").signed_buckets
    ['lab-private', 'lab-raw']
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)
    toml_file: ClassVar[Path | None] = None

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    public_url: str = Field("", pattern="^(https?://[^\\s?#]+)?$")
    allowed_hosts: StringList = []
    workers: int = Field(1, ge=1, le=256)
    refresh_seconds: float = Field(1.0, gt=0, le=3600)
    remote_refresh_seconds: float = Field(300.0, gt=0)
    signed_buckets: StringList = []
    signed_seconds: int = Field(900, ge=1, le=604_800)
    private: StringList = []
    database: str = Field("", repr=False)
    origins: Annotated[list[str] | None, NoDecode, BeforeValidator(_split_commas)] = None
    cached_mb: int = Field(64, ge=1)
    trusted_proxies: str = "127.0.0.1"
    access_log: bool = True
    profiles: bool = True
    profile_seconds: int = Field(3600, ge=1)
    profile_memory_mb: int = Field(2000, ge=200)
    stop_seconds: int = Field(30, ge=0)

    @property
    def profile_limits(self) -> Limits:
        """Limits of one call of the worker process that builds profiles."""
        settings = f"{PREFIX}PROFILE_SECONDS", f"{PREFIX}PROFILE_MEMORY_MB"
        return Limits(self.profile_seconds, self.profile_memory_mb, *settings)

    @property
    def prefix(self) -> str:
        """The path of `public_url`, with which all URLs begin, without a trailing slash."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def public_host(self) -> str:
        """The host name of `public_url`; empty if it is not set."""
        return urlsplit(self.public_url).hostname or ""

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (not parts.hostname or "@" in parts.netloc):
            raise ValueError(f"expected https://HOST or https://HOST/PATH without a password, got {parts.hostname!r}")
        segments = parts.path.strip("/").split("/") if parts.path.strip("/") else []
        if not all(_SEGMENT.fullmatch(segment) and segment not in {".", ".."} for segment in segments):
            raise ValueError(f"its path {parts.path!r} may contain letters, digits and . _ ~ - between single slashes")
        if segments and segments[0] in RESERVED:
            raise ValueError(f"its path may not begin with /{segments[0]}, which is a URL of the service itself")
        return url

    @field_validator("allowed_hosts")
    @classmethod
    def _check_allowed_hosts(cls, names: list[str]) -> list[str]:
        if wrong := [name for name in names if not _HOST_NAME.fullmatch(name)]:
            raise ValueError(
                f"{wrong[0]!r} is not a host name; write it without scheme, port and path: data.lab.example"
            )
        return names

    @field_validator("origins")
    @classmethod
    def _check_origins(cls, origins: list[str] | None) -> list[str] | None:
        if wrong := [origin for origin in origins or () if not _ORIGIN.fullmatch(origin)]:
            raise ValueError(
                f"{wrong[0]!r} is not an origin; write https://HOST or https://HOST:PORT without a path, or *"
            )
        return origins

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the service reads no such file
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Prefer arguments to the environment, and the environment to the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls.toml_file)


def read_settings(config: Path | None = None, **options: object) -> Settings:
    """Read the settings from a TOML file, the environment and options; later sources take precedence.

    Parameters
    ----------
    config : Path, optional
        TOML file whose keys are the attributes of `Settings`.
    **options
        Settings by name; None leaves a setting to the other sources.

    Raises
    ------
    ServiceError
        The file is missing or not TOML, or a setting is unknown or invalid.
    """
    if config is not None and not config.is_file():
        raise ServiceError(f"the settings file {config} does not exist; check --config")
    settings_class = type("Settings", (Settings,), {"toml_file": config})
    try:
        return settings_class(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False)
        )
        raise ServiceError(f"invalid settings of the service: {problems}. See docs/service.md") from None
    except ValueError as error:
        raise ServiceError(f"{config} is not valid TOML: {error}") from None
