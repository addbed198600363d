"""What whoever runs the service may decide: by environment (`BRAINIO_SERVE_PORT`, ...) and by a TOML file."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, ValidationError
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
        How readers reach the service, for addresses in code and descriptions; by default as each request says.
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
    origins : list of str
        Whose pages may read the JSON interface in a browser; `*` is everybody's.
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
    workers: int = Field(1, ge=1, le=256)
    refresh_seconds: float = Field(1.0, gt=0, le=3600)
    remote_refresh_seconds: float = Field(300.0, gt=0)
    signed_buckets: Words = []
    signed_seconds: int = Field(900, ge=1, le=604_800)
    private: Words = []
    database: str = Field("", repr=False)
    origins: Words = ["*"]
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
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        raise ServiceError(f"the settings of the service are wrong: {told}. See docs/service.md") from None
    except ValueError as error:
        raise ServiceError(f"{config} cannot be read as TOML: {error}") from None
