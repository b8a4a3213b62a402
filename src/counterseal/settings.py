"""Settings of one gateway process: from the command line, else from the environment (``COUNTERSEAL_...``).

What belongs to trading (communities, partners, agreements) is configuration in the database, not a setting.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MEGABYTE: Final = 1024 * 1024
GIGABYTE: Final = 1024 * MEGABYTE

Port = Annotated[int, Field(ge=0, le=65535)]


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class Settings(BaseSettings):
    """Every field can be set as ``COUNTERSEAL_<FIELD>``; the command line overrides."""

    model_config = SettingsConfigDict(env_prefix="COUNTERSEAL_", extra="ignore", frozen=True, env_ignore_empty=True)

    data_dir: Path = Field(
        default=Path("counterseal-data"), description="Where database, payloads, vault and wake socket live."
    )
    database_url: str = Field(
        default="",
        description="`sqlite:///FILE` or `postgresql://USER@HOST/NAME`; empty: SQLite in the data directory.",
    )
    public_host: str = Field(default="0.0.0.0", description="Address of the public listener (AS2).")  # noqa: S104  partners must reach it
    public_port: Port = Field(default=4080, description="Port of the public listener; 0: any free one.")
    public_tls_port: Port | None = Field(
        default=None,
        description="The same with TLS, for HTTPS without a proxy; absent: no such listener; 0: any free one.",
    )
    private_host: str = Field(
        default="127.0.0.1",
        description="Address of the private listener (console, API); loopback unless told otherwise.",
    )
    private_port: Port = Field(default=4081, description="Port of the private listener; 0: any free one.")
    oftp2_host: str = Field(default="0.0.0.0", description="Address of the OFTP2 listeners.")  # noqa: S104  partners must reach it
    oftp2_tls_port: Port | None = Field(
        default=None, description="OFTP2 with TLS (6619 by convention); absent: no such listener; 0: any free one."
    )
    oftp2_plain_port: Port | None = Field(
        default=None, description="OFTP2 without TLS (3305 by convention); absent: no such listener; 0: any free one."
    )
    host_name: str = Field(
        default="counterseal.localhost",
        pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$",
        description="Right-hand side of the Message-IDs that we make.",
    )
    passphrase: SecretStr | None = Field(
        default=None, description="Opens the vault; absent: the key file in the data directory does."
    )
    passphrase_file: Path | None = Field(
        default=None, description="A file whose first line is the passphrase; not together with `passphrase`."
    )
    log_format: LogFormat = Field(default=LogFormat.TEXT, description="Of the log on standard error.")
    maximum_message_bytes: int = Field(
        default=10 * GIGABYTE, ge=1, description="A larger message from a partner is refused."
    )
    maximum_upload_bytes: int = Field(
        default=10 * GIGABYTE, ge=1, description="A larger document from console, API or command line is refused."
    )
    maximum_request_bytes: int = Field(
        default=32 * MEGABYTE, ge=1024, description="A larger API request that is no document is refused."
    )
    inbox_dir: Path | None = Field(
        default=None, description="Where received documents are laid down; absent: `inbox` in the data directory."
    )

    @field_validator("data_dir", "passphrase_file", "inbox_dir")
    @classmethod
    def _home(cls, path: Path | None) -> Path | None:
        return path.expanduser() if path is not None else None

    @model_validator(mode="after")
    def _one_passphrase(self) -> "Settings":
        if self.passphrase is not None and self.passphrase_file is not None:
            raise ValueError("set either passphrase or passphrase_file")
        return self

    @property
    def store_url(self) -> str:
        """The database's address, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'counterseal.sqlite'}"

    @property
    def inbox(self) -> Path:
        return self.inbox_dir or self.data_dir / "inbox"

    @property
    def wake_path(self) -> Path:
        """The socket by which a command wakes the server's worker."""
        return self.data_dir / "wake.sock"

    @property
    def console_address_path(self) -> Path:
        """Where a running server writes its console's address, so that links made by a command lead to it."""
        return self.data_dir / "console-address"

    def vault_passphrase(self) -> str | None:
        """What opens the vault; ``None``: the key file. Raises ``OSError`` where the passphrase file cannot be read."""
        if self.passphrase is not None:
            return self.passphrase.get_secret_value()
        if self.passphrase_file is not None:
            return self.passphrase_file.read_text(encoding="utf-8").split("\n", 1)[0]
        return None
