import tomllib
from pathlib import Path

import pytest
import yaml

from flows.plan import work_folder as module
from flows.plan.work_folder import CODE, is_checkout, prepare_work_folder, shipped_file, work_folder


def test_a_checkout_works_in_itself():
    assert (
        is_checkout()
        and work_folder() == CODE
        and "categories" in yaml.safe_load(shipped_file("prefect.yaml").read_text())
    )


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The code as a wheel has it: no checkout around it, and the files beside the flows."""
    code = tmp_path / "site-packages"
    (code / "flows").mkdir(parents=True)
    (code / "flows" / "pyproject.toml").write_bytes((CODE / "pyproject.toml").read_bytes())
    monkeypatch.setattr(module, "CODE", code)
    monkeypatch.setattr(module, "SHIPPED", code / "flows")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return code


def test_an_installed_farm_works_in_a_folder_of_the_user(installed, tmp_path, monkeypatch):
    assert work_folder() == tmp_path / "home" / "farm3d"
    prepare_work_folder()
    settings = tomllib.loads((work_folder() / "pyproject.toml").read_text())["tool"]["prefect"]
    assert settings["home"] == ".farm3d"
    assert shipped_file("prefect.yaml") == installed / "flows" / "prefect.yaml"
    monkeypatch.setenv("FARM3D_HOME", str(tmp_path / "my farm"))
    assert work_folder() == Path(tmp_path / "my farm")
    monkeypatch.setenv("FARM3D_HOME", "")
    assert work_folder() == tmp_path / "home" / "farm3d"
