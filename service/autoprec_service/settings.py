"""What the service is told: by the environment, by a file, or by whoever starts it."""

import os
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from autoprec_service.errors import SettingsError

CONFIG_VARIABLE = "AUTOPREC_CONFIG"
DEFAULT_PORT = 8321

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    """How the service runs. Each field can be given as `AUTOPREC_` and its name, or in the file of `AUTOPREC_CONFIG`.

    What is passed to the class goes before the environment, and the environment before the file, which is TOML.
    """

    model_config = SettingsConfigDict(env_prefix="AUTOPREC_", frozen=True, extra="forbid")

    db: str | None = None
    """Path or SQLAlchemy URL of the store; by default a file in the user's data folder."""
    host: str = "127.0.0.1"
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535)
    tls_certificate: Path | None = None
    """A PEM file with the certificate and those that vouch for it; with `tls_key` the service speaks HTTPS alone."""
    tls_key: Path | None = None
    admin_token: SecretStr | None = None
    """A token that can do everything in the tenant `default`, such as creating the first of the others."""
    admin_token_file: Path | None = None
    """A file that holds such a token, for example a secret of Docker or Kubernetes."""
    tokens: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """More such tokens, separated by commas in the environment. Stored ones are better: they have scopes and an end."""
    allow_anonymous: bool = False
    """Let everybody do everything in the tenant `default`. On loopback that is so as long as there is no token."""
    open_metrics: bool = False
    """Tell `/metrics` without a token."""
    max_body_bytes: int = Field(default=16 << 20, ge=1024)
    """What a request may hold."""
    rate_limit_per_minute: int = Field(default=60_000, ge=0)
    """Requests of one token, or of one address without a token, that this process answers in a minute; 0 for any."""
    max_connections: int = Field(default=10_000, ge=1)
    """Open connections; beyond them the one goes that has waited longest for a request."""
    request_seconds: float = Field(default=30.0, gt=0)
    """How long a request may take to arrive, and an answer to be read."""
    log_format: LogFormat = "text"
    log_level: LogLevel = "info"
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses or networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, separated by commas."""
    shutdown_seconds: int = Field(default=30, ge=1)
    """How long requests that are being answered are waited for when the service ends."""

    @field_validator("tokens", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take a list with commas, as an environment can hold it."""
        if not isinstance(value, str):
            return value
        return tuple(part for part in (each.strip() for each in value.split(",")) if part)

    @field_validator("db")
    @classmethod
    def _given(cls, value: str | None) -> str | None:
        """Take an empty string as none: it is what an environment without a value holds."""
        return value or None

    @model_validator(mode="after")
    def _agree(self) -> "Settings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: give both, or neither")
        if self.admin_token is not None and self.admin_token_file is not None:
            raise ValueError("admin_token and admin_token_file say the same thing: give one of them")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic-settings passes it by name)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (as above)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from, the strongest first."""
        file = os.environ.get(CONFIG_VARIABLE)
        sources = (init_settings, env_settings)
        return (*sources, TomlConfigSettingsSource(settings_cls, file)) if file else sources

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def admin_tokens(self) -> tuple[str, ...]:
        """Return the tokens that were given here, which can do everything in the tenant `default`.

        Raises:
            SettingsError: The file of a token cannot be read, or holds none.
        """
        given = [each.get_secret_value() for each in (self.admin_token, *self.tokens) if each is not None]
        if self.admin_token_file is not None:
            given.append(_token_in(self.admin_token_file))
        return tuple(each for each in given if each)


def load_settings(**given: Any) -> Settings:
    """Return the settings; a value of None counts as not given.

    Raises:
        SettingsError: A value is not allowed, or the file cannot be read; the message says which and why.
    """
    _check_file()
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(_told(error)) from error


def _check_file() -> None:
    """Refuse a file that is not there: pydantic-settings would pass over it."""
    file = os.environ.get(CONFIG_VARIABLE)
    if not file:
        return
    try:
        with Path(file).open("rb") as stream:
            tomllib.load(stream)
    except OSError as error:
        raise SettingsError(f"The file {file} of {CONFIG_VARIABLE} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The file {file} of {CONFIG_VARIABLE} is not TOML: {error}.") from error


def _told(error: ValidationError) -> str:
    """Return what is wrong in one line, without the values: one of them may be a token."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    told = [f"{'.'.join(map(str, each['loc'])) or 'together'}: {each['msg'].rstrip('.')}" for each in found]
    return f"The settings do not fit: {'; '.join(told)}. docs/service.md lists them."


def _token_in(file: Path) -> str:
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The file of the admin token, {file}, cannot be read: {error}.") from error
    if not token:
        raise SettingsError(f"The file of the admin token, {file}, is empty: write a token into it.")
    return token
