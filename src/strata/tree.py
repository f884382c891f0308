"""The files of one version, wherever they are kept."""

from pathlib import Path
from typing import IO, Any

from strata.fault import Fault, first_line
from strata.repository import storage_of


class Tree:
    """The files of a revision or, for None, of the workspace: those in Git and those in DVC.

    What is in DVC is read from the workspace, its cache, or else its remote. What a remote that
    is down, a file that is gone or a broken dvc.yaml raise there has no common class, hence the
    ``except Exception``, each of which becomes a Fault or the answer no.
    """

    def __init__(self, root: Path, revision: str | None) -> None:
        from dvc.api import DVCFileSystem

        self.revision = revision
        self.name = revision[:9] if revision else "the workspace"
        try:
            self._files: Any = DVCFileSystem(
                str(root), rev=revision, config=storage_of(root, revision) if revision else None
            )
        except Exception as error:
            raise Fault(f"{self.name}: {first_line(error)}") from None

    def open(self, path: str) -> IO[bytes]:
        """Open a file for reading. Raises Fault if it is not there or its data cannot be had."""
        try:
            stream: IO[bytes] = self._files.open(path)
        except Exception as error:
            if self.has(path):
                why = "its data is in neither the cache nor a remote that answers"
                raise Fault(f"{path} of {self.name}: {why}") from None
            raise Fault(f"{path} of {self.name}: {first_line(error)}") from None
        return stream

    def has(self, path: str) -> bool:
        """Whether the revision has this path, be its data at hand or not."""
        try:
            return bool(self._files.exists(path))
        except Exception:
            return False

    def at_hand(self, path: str) -> bool:
        """Whether the data of a path, a file or a folder, can be had."""
        try:
            for name in self._files.find(path):
                self._files.open(name).close()
                break
            else:
                return False
        except Exception:
            return False
        return True

    def metrics(self) -> list[str]:
        """The files of metrics, of stages and those named at the top of dvc.yaml."""
        try:
            index = self._files.repo.index
            named = [out.def_path for out in index.outs if out.metric]
            tops = [path for paths in index._metrics.values() for path in paths]
        except Exception as error:
            raise Fault(f"{self.name}: {first_line(error)}") from None
        return sorted({*named, *tops})

    def text(self, path: str) -> str | None:
        """The text of a file, None if there is no such file; Fault if it cannot be read."""
        if not self.has(path):
            return None
        try:
            with self.open(path) as stream:
                return stream.read().decode("utf-8")
        except Exception as error:
            raise Fault(f"{path} of {self.name}: {first_line(error)}") from None

    def files(self, path: str) -> dict[str, str]:
        """Each file in an output of DVC, with its hash. Raises Fault if they cannot be listed."""
        try:
            if self._files.info(path)["type"] != "directory":
                return {path: self._files.info(path)["dvc_info"]["md5"]}
            found = self._files.find(path, detail=True)
            hashes = {name: info["dvc_info"]["md5"] for name, info in found.items()}
        except Exception:
            hashes = {}
        if not hashes:
            raise Fault(f"{path} of {self.name}: its list of files cannot be had")
        return hashes
