"""The password of this checkout's Prefect server, and the profile by which `prefect` commands find the server and it.

A flow run may be asked for by whoever reaches the server, and runs as its owner: on a machine with several users, or
with a browser, an address on the loopback interface protects nothing.
"""

import os
import secrets
from base64 import b64encode
from pathlib import Path

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_PROFILES_PATH, temporary_settings
from prefect.settings.profiles import Profile, ProfilesCollection, load_profiles, save_profiles

from storage.store.private import write_private_file

VARIABLE = "PREFECT_API_AUTH_STRING"
PROFILE = "farm3d"


def password_file(home: Path) -> Path:
    """What a browser has to be told once: user and password in one line."""
    return home / "password"


def profiles_file(home: Path) -> Path:
    """Where `prefect` commands in this checkout look for their settings (`profiles_path` in pyproject.toml)."""
    return home / "profiles.toml"


def read_password(home: Path) -> str | None:
    """That of the environment, else of the server that was started here; None where there is neither."""
    file = password_file(home)
    return os.environ.get(VARIABLE) or (file.read_text().strip() if file.is_file() else None)


def make_password(home: Path) -> str:
    """The password, a random one the first time; it is kept in a file that only its owner can read."""
    password = read_password(home) or f"{PROFILE}:{secrets.token_urlsafe(24)}"
    write_private_file(password_file(home), password)
    return password


def authorization(password: str | None) -> dict[str, str]:
    """The header of a request to the server."""
    return {"Authorization": f"Basic {b64encode(password.encode()).decode()}"} if password else {}


def write_profile(home: Path, url: str, password: str) -> None:
    """Let `prefect` commands in this checkout ask this server; what an operator set in the profile stays."""
    file = profiles_file(home)
    with temporary_settings({PREFECT_PROFILES_PATH: file}):
        profiles = load_profiles(include_defaults=False)
        kept = profiles[PROFILE].settings if PROFILE in profiles.names else {}
        settings = {**kept, PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: password}
        others = [profiles[name] for name in profiles.names if name != PROFILE]
        profile = Profile(name=PROFILE, settings=settings)
        write_private_file(file, "")
        save_profiles(ProfilesCollection([*others, profile], active=PROFILE))
