"""VS Code opens the repository with what it needs: held against what the extensions read.

Names and types of settings are those of the extensions' own manifests (lakeFS.lakefs-dvc 1.3.2,
ms-python.python 2026.5, redhat.vscode-yaml 1.25, charliermarsh.ruff 2026.74), since an editor skips
a setting that it does not know without a word. No editor runs here.
"""

import json
import tomllib
from typing import Any

from dvc import version_tuple
from project import ROOT

EXTENSIONS = {"lakeFS.lakefs-dvc", "ms-python.python", "redhat.vscode-yaml", "charliermarsh.ruff"}
OLDEST_DVC = (3, 33, 3)  # that its extension works with
# DVC's extension needs none: it takes the interpreter from Python's, and runs DVC with that.
KNOWN = {
    "python.defaultInterpreterPath": str,
    "python.testing.pytestEnabled": bool,
    "python.testing.pytestArgs": list,
    "yaml.schemas": dict,
    "[python]": dict,
}


def read(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


def test_the_editor_and_the_container_name_the_same_extensions() -> None:
    assert set(read(".vscode/extensions.json")["recommendations"]) == EXTENSIONS
    container = read(".devcontainer/devcontainer.json")["customizations"]["vscode"]
    assert set(container["extensions"]) == EXTENSIONS


def test_the_extensions_know_the_settings_and_this_dvc() -> None:
    settings = read(".vscode/settings.json")
    assert {name: type(value) for name, value in settings.items()} == KNOWN
    assert settings["[python]"]["editor.defaultFormatter"] in EXTENSIONS
    assert version_tuple[:3] >= OLDEST_DVC


def test_the_settings_name_what_is_there() -> None:
    settings = read(".vscode/settings.json")
    interpreter = settings["python.defaultInterpreterPath"].removeprefix("${workspaceFolder}/")
    assert f"{interpreter} -m pip" in (ROOT / "Makefile").read_text(encoding="utf-8")
    (pattern,) = settings["yaml.schemas"].values()
    assert (ROOT / pattern).is_file()
    with (ROOT / "pyproject.toml").open("rb") as file:
        pytest_settings = tomllib.load(file)["tool"]["pytest"]["ini_options"]
    assert settings["python.testing.pytestArgs"] == pytest_settings["testpaths"]
