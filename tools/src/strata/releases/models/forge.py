"""The address of a commit on the forge of origin."""

import re
from dataclasses import dataclass
from urllib.parse import quote

URL = re.compile(
    r"(?:https://|ssh://)(?:[^@/]*@)?(?P<host>[\w.-]+)(?P<port>:\d+)?/(?P<path>[\w.-]+(/[\w.-]+)+)"
)
SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[\w.-]+):(?P<path>[\w.-]+(/[\w.-]+)+)")


@dataclass(frozen=True)
class Forge:
    """A repository on GitHub or GitLab; ``url`` has no credentials in it."""

    url: str
    name: str
    infix: str

    def commit(self, commit: str) -> str:
        return f"{self.url}{self.infix}/commit/{commit}"

    def file(self, commit: str, path: str) -> str:
        return f"{self.url}{self.infix}/blob/{commit}/{quote(path)}"


def forge_of(origin: str) -> Forge | None:
    """The forge of a remote's address, if the host's name says which kind it is."""
    match = URL.fullmatch(origin) or SCP.fullmatch(origin)
    if match is None:
        return None
    host, path = match["host"], match["path"].removesuffix(".git")
    kinds = {"github": "", "gitlab": "/-"}
    infix = next((kinds[part] for part in host.lower().split(".") if part in kinds), None)
    if infix is None:
        return None
    port = (match["port"] or "") if origin.startswith("https:") else ""
    return Forge(f"https://{host}{port}/{path}", path, infix)
