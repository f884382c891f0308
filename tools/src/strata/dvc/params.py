"""Changes a value of params.yaml as DVC does, which keeps comments and order."""

from pathlib import Path


def set_param(root: Path, name: str, value: str) -> None:
    """Set a param that is there, of a project, by its dotted name."""
    from dvc.utils.serialize import modify_yaml

    *sections, key = name.split(".")
    with modify_yaml(str(root / "params.yaml")) as params:
        for section in sections:
            params = params[section]
        params[key] = value
