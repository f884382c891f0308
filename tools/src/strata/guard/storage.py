"""Set where data and models are stored: the default DVC remote, without any secret."""

import argparse
from urllib.parse import urlsplit

from strata import git
from strata.core.errors import Fault, without_secrets
from strata.dvc.store import check_plugin, opened, set_remote

NAME = "storage"


def run(args: argparse.Namespace) -> int:
    """Write the remote to .dvc/config, and what is this machine's to .dvc/config.local."""
    root = git.top()
    scheme = check(args.url)
    if args.endpoint and scheme != "s3":
        raise Fault(f"--endpoint is for s3:// URLs, not for {args.url!r}")
    settings = {"url": args.url, "verify": "true"}  # hash what comes back
    if scheme == "s3":
        settings |= {"connect_timeout": "10", "read_timeout": "60"}  # seconds
    set_remote(root, NAME, settings, is_default=True)
    if args.endpoint:
        # With its URL: a commit older than the storage has only this file to know it by, and DVC
        # refuses the settings of a remote without one.
        local = {"url": args.url, "endpointurl": args.endpoint}
        set_remote(root, NAME, local, level="local")
    print(f"storage is {args.url}; commit .dvc/config, then `dvc push` and `dvc pull`")
    with opened(root) as store:
        try:
            store.reach(NAME)
        except Fault as fault:
            raise Fault(f"it is set, but {fault}") from None
    return 0


def check(url: str) -> str:
    """The scheme of a storage URL; empty for a folder.

    Raises Fault if it has a secret in it, or needs a plugin that is not installed.
    """
    parts = urlsplit(url)
    scheme = parts.scheme if "://" in url else ""
    if without_secrets(url) != url or (scheme == "s3" and parts.username):
        raise Fault(
            "that URL has a secret in it, which would be committed; take it out, and give "
            "credentials by the environment, an AWS profile, or `dvc remote modify --local`"
        )
    if scheme:
        check_plugin(scheme)
    return scheme
