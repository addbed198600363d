"""What whoever runs the service may decide: by environment (`BRAINIO_SERVE_PORT`, ...) and by a TOML file."""

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


def _listed(value: object) -> object:
    """Read a list as the environment writes it: words between commas."""
    return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value


Words = Annotated[list[str], NoDecode, BeforeValidator(_listed)]


class Settings(BaseSettings):
    """Settings of one service.

    Attributes
    ----------
    host, port : str, int
        Where it listens; port 0 is any that is free.
    public_url : str
        How readers reach the service, for addresses in code and descriptions; by default as each request says. It may
        have a path (`https://lab.example/brainio`): every address of the service then begins with it.
    allowed_hosts : list of str
        Further host names under which requests reach the service, without a port; `*.lab.example` covers all names
        below a domain, `*` turns the check off. Other names are refused with status 421.
    workers : int
        Processes that answer.
    refresh_seconds : float
        How often it is looked whether catalogs changed.
    remote_refresh_seconds : float
        How often catalogs that lie elsewhere are read again.
    signed_buckets : list of str
        Private buckets of S3 whose objects are handed out by links that are signed with the credentials of the service.
        In the environment with commas between them.
    signed_seconds : int
        How long such a link serves.
    private : list of str
        Catalogs that only those see who have a token for them; `*` is all.
    database : str
        Where tokens, embargoes and what changed are kept: `sqlite:////PATH` or `postgresql://USER@HOST/NAME`, which
        has the search index as well. Empty: SQLite files below `BRAINIO_HOME`.
    origins : list of str, optional
        Origins (`https://lab.example`) whose pages may read the service in a browser; `*` is every site. By default
        `*` if `public_url` names a public host, otherwise none.
    cached_mb : int
        MB that answers which were rendered may take, in each process.
    trusted_proxies : str
        Addresses, with commas between them, that may say whom they ask for (`X-Forwarded-For` and `-Proto`).
    access_log : bool
        Whether every request is logged.
    profiles : bool
        Whether what pages show of data is made of entries whose files are on this machine.
    profile_seconds, profile_memory_mb : int
        Time and resident memory that making one profile may take, in the worker process that makes them.
    stop_seconds : int
        How long requests may take to their end after the service was told to stop.

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
    allowed_hosts: Words = []
    workers: int = Field(1, ge=1, le=256)
    refresh_seconds: float = Field(1.0, gt=0, le=3600)
    remote_refresh_seconds: float = Field(300.0, gt=0)
    signed_buckets: Words = []
    signed_seconds: int = Field(900, ge=1, le=604_800)
    private: Words = []
    database: str = Field("", repr=False)
    origins: Annotated[list[str] | None, NoDecode, BeforeValidator(_listed)] = None
    cached_mb: int = Field(64, ge=1)
    trusted_proxies: str = "127.0.0.1"
    access_log: bool = True
    profiles: bool = True
    profile_seconds: int = Field(3600, ge=1)
    profile_memory_mb: int = Field(2000, ge=200)
    stop_seconds: int = Field(30, ge=0)

    @property
    def profile_limits(self) -> Limits:
        """The limits of one call of the worker process that makes profiles."""
        settings = f"{PREFIX}PROFILE_SECONDS", f"{PREFIX}PROFILE_MEMORY_MB"
        return Limits(self.profile_seconds, self.profile_memory_mb, *settings)

    @property
    def prefix(self) -> str:
        """The path of `public_url`, with which all addresses begin, without a slash at its end."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def public_host(self) -> str:
        """The host name of `public_url`; empty without one."""
        return urlsplit(self.public_url).hostname or ""

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (not parts.hostname or "@" in parts.netloc):
            raise ValueError(f"expected https://HOST or https://HOST/PATH without a password, got {parts.hostname!r}")
        segments = parts.path.strip("/").split("/") if parts.path.strip("/") else []
        if not all(_SEGMENT.fullmatch(one) and one not in {".", ".."} for one in segments):
            raise ValueError(f"its path {parts.path!r} may hold letters, digits and . _ ~ - between single slashes")
        if segments and segments[0] in RESERVED:
            raise ValueError(f"its path may not begin with /{segments[0]}, which is an address of the service itself")
        return url

    @field_validator("allowed_hosts")
    @classmethod
    def _check_allowed_hosts(cls, names: list[str]) -> list[str]:
        if wrong := [one for one in names if not _HOST_NAME.fullmatch(one)]:
            raise ValueError(
                f"{wrong[0]!r} is not a host name; write it without scheme, port and path: data.lab.example"
            )
        return names

    @field_validator("origins")
    @classmethod
    def _check_origins(cls, origins: list[str] | None) -> list[str] | None:
        if wrong := [one for one in origins or () if not _ORIGIN.fullmatch(one)]:
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
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no such file is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let what is said by call count more than the environment, and that more than the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls.toml_file)


def read_settings(config: Path | None = None, **said: object) -> Settings:
    """Return the settings of a TOML file, of the environment, and those that were said; what comes later wins.

    Parameters
    ----------
    config : Path, optional
        The TOML file, with the names of `Settings` as keys.
    **said
        Settings by name; None is not said.

    Raises
    ------
    ServiceError
        The file cannot be read, or a setting is unknown or of another kind.
    """
    if config is not None and not config.is_file():
        raise ServiceError(f"{config} with the settings of the service is not there; check --config")
    named = type("Settings", (Settings,), {"toml_file": config})
    try:
        return named(**{name: value for name, value in said.items() if value is not None})
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_input=False)
        )
        raise ServiceError(f"the settings of the service are wrong: {told}. See docs/service.md") from None
    except ValueError as error:
        raise ServiceError(f"{config} cannot be read as TOML: {error}") from None
