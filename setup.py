"""Put `gunicorn.conf.py` into the wheel, where `pressroom serve` finds it; all else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfiguration(build_py):
    """Copies the configuration into the package, except for an editable installation, which uses the original."""

    def run(self) -> None:
        """Build the package."""
        super().run()
        if not self.editable_mode:
            self.copy_file("gunicorn.conf.py", str(Path(self.build_lib, "api")))


setup(cmdclass={"build_py": BuildWithConfiguration})
