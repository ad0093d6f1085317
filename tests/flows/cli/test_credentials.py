import os
import stat
import subprocess
import sys

import pytest

from flows.cli.credentials import (
    authorization,
    make_password,
    password_file,
    profiles_file,
    read_password,
    write_profile,
)


@pytest.fixture(autouse=True)
def _no_password_of_the_environment(monkeypatch):
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)


def mode(file):
    return stat.S_IMODE(file.stat().st_mode)


def test_the_password_is_random_stays_and_is_for_its_owner_alone(tmp_path):
    assert read_password(tmp_path) is None
    password = make_password(tmp_path)
    user, _, secret = password.partition(":")
    assert user == "farm3d" and len(secret) >= 32 and mode(password_file(tmp_path)) == 0o600
    assert make_password(tmp_path) == password == read_password(tmp_path)
    (tmp_path / "other").mkdir()
    assert make_password(tmp_path / "other") != password


def test_the_password_of_the_environment_is_taken_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "ann:secret")
    assert make_password(tmp_path) == "ann:secret"
    monkeypatch.delenv("PREFECT_API_AUTH_STRING")
    assert read_password(tmp_path) == "ann:secret"


def test_a_request_is_authorised_as_http_has_it():
    assert authorization("user:pass") == {"Authorization": "Basic dXNlcjpwYXNz"} and authorization(None) == {}


def seen_by_prefect(home):
    """What `prefect` commands with this profile take for the server, the password and a setting of an operator."""
    code = (
        "from prefect.settings import get_current_settings as current; s = current()\n"
        "print(s.api.url, s.api.auth_string.get_secret_value(), s.cli.wrap_lines)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    environment["PREFECT_PROFILES_PATH"] = str(profiles_file(home))
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()


def test_prefect_commands_find_the_server_and_keep_what_an_operator_set(tmp_path):
    write_profile(tmp_path, "http://127.0.0.1:5999/api", "user:pass")
    file = profiles_file(tmp_path)
    assert mode(file) == 0o600
    file.write_text(
        f'{file.read_text()}PREFECT_CLI_WRAP_LINES = "false"\n[profiles.other]\nPREFECT_API_URL = "http://x"\n'
    )
    write_profile(tmp_path, "http://127.0.0.1:5998/api", "user:word")
    assert seen_by_prefect(tmp_path) == ["http://127.0.0.1:5998/api", "user:word", "False"]
    assert "http://x" in file.read_text() and mode(file) == 0o600
