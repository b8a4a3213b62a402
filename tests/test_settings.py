"""Settings: from the environment, with errors that name the setting."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from counterseal.settings import LogFormat, Settings


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"COUNTERSEAL_{name.upper()}", raising=False)


def test_the_console_listens_on_loopback_unless_told_otherwise() -> None:
    settings = Settings()
    assert (settings.private_host, settings.private_port) == ("127.0.0.1", 4081)
    assert (settings.public_host, settings.public_port) == ("0.0.0.0", 4080)


def test_everything_lies_in_the_data_directory() -> None:
    settings = Settings(data_dir=Path("/srv/x"))
    assert settings.store_url == "sqlite:////srv/x/counterseal.sqlite"
    assert settings.wake_path == Path("/srv/x/wake.sock")
    assert settings.inbox == Path("/srv/x/inbox")


def test_the_environment_is_read_and_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSEAL_PUBLIC_PORT", "1234")
    monkeypatch.setenv("COUNTERSEAL_LOG_FORMAT", "json")
    monkeypatch.setenv("COUNTERSEAL_DATABASE_URL", "")
    settings = Settings()
    assert (settings.public_port, settings.log_format) == (1234, LogFormat.JSON)
    assert settings.store_url.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("public_port", "-1"),
        ("public_port", "65536"),
        ("private_port", "x"),
        ("log_format", "xml"),
        ("host_name", "a b"),
        ("host_name", "-a"),
        ("maximum_message_bytes", "0"),
        ("maximum_request_bytes", "1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"COUNTERSEAL_{name.upper()}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert refused.value.errors()[0]["loc"] == (name,)


def test_the_passphrase_comes_from_variable_or_file_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert Settings().vault_passphrase() is None
    file = tmp_path / "passphrase"
    file.write_text("öffne dich\nsecond line\n", encoding="utf-8")
    monkeypatch.setenv("COUNTERSEAL_PASSPHRASE_FILE", str(file))
    assert Settings().vault_passphrase() == "öffne dich"
    monkeypatch.setenv("COUNTERSEAL_PASSPHRASE", "sesame")
    with pytest.raises(ValidationError, match="either passphrase or passphrase_file"):
        Settings()
    monkeypatch.delenv("COUNTERSEAL_PASSPHRASE_FILE")
    assert Settings().vault_passphrase() == "sesame"
    assert "sesame" not in repr(Settings())
