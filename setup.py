"""What a wheel holds besides the packages of pyproject.toml: the files of the checkout that `farm3d up` reads."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FILES = ("prefect.yaml", "pyproject.toml")


class BuildWithFiles(build_py):
    """Put them beside the flows."""

    def run(self) -> None:
        """Copy the packages, and then these."""
        super().run()
        for name in () if self.editable_mode else FILES:
            self.copy_file(name, str(Path(self.build_lib) / "flows" / name))


setup(cmdclass={"build_py": BuildWithFiles})
