"""What the Git hooks run, by way of pre-commit, with this environment's DVC.

They stay out of the way of a rebase and a bisect, which check out one commit after another.
"""

import argparse
import os
from pathlib import Path
from urllib.parse import urlsplit

from strata import git
from strata.checkout import dvc
from strata.errors import Fault
from strata.revision import Revision
from strata.staleness import stale
from strata.store import Output, opened, settings_in
from strata.trust import within

MOST = 5  # outputs that are named

SECRETS = {
    *("access_key_id", "secret_access_key", "session_token", "sse_customer_key"),
    *("account_key", "client_secret", "connection_string", "sas_token"),
    *("oss_key_id", "oss_key_secret", "gdrive_client_secret"),
    *("password", "passphrase", "token", "custom_auth_header"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", choices=["fresh-lock", "no-secrets", "post-checkout", "pre-push"])


def run(args: argparse.Namespace) -> int:
    """Run one hook; anything but 0 stops what Git was about to do."""
    root = git.top()
    if args.name == "no-secrets":
        no_secrets((root / ".dvc/config").read_text(encoding="utf-8"))
    elif git.is_stepping(root):
        return 0
    elif args.name == "fresh-lock":
        fresh_lock(root)
    elif args.name == "post-checkout":
        if os.environ.get("PRE_COMMIT_CHECKOUT_TYPE", "1") == "1":  # not of single files
            post_checkout(root)
    else:
        pre_push(root)
    return 0


def fresh_lock(root: Path) -> None:
    """Raise Fault if dvc.lock is not what the code, params and data make.

    Data that is only behind the lock makes no commit false.
    """
    with opened(root) as store:
        found, _ = stale(store)
    if found:
        raise Fault(
            "dvc.lock is stale, so this commit would name a model that its code does not make:\n"
            + "\n".join(f"  {stage}: {'; '.join(why)}" for stage, why in found.items())
            + "\nmend it:  dvc repro && git add --update\n"
            "or commit half-done work as it is:  git commit --no-verify"
        )


def no_secrets(config: str) -> None:
    """Raise Fault if the text of a .dvc/config has a secret in it."""
    for section, settings in settings_in(config).items():
        for key, value in settings.items():
            if key in SECRETS or (key == "url" and urlsplit(value).password):
                name = section.removeprefix("remote ").strip('"')
                raise Fault(
                    f".dvc/config has a secret: {key} of {name}. Take it out and change it where "
                    f"it is valid; keep the new one with `dvc remote modify --local {name} {key} …`"
                )


def post_checkout(root: Path) -> None:
    """Bring the outputs of what was checked out from the cache, as far as it has them."""
    if not (root / ".dvc/config").exists():
        return  # a commit from before DVC
    home = git.main_worktree(root)
    local = root / ".dvc/config.local"
    if home != root and "dir" not in (local.read_text(encoding="utf-8") if local.exists() else ""):
        dvc("cache", "dir", "--local", str(home / ".dvc/cache"), root=root)
    with opened(root) as store:  # DVC trusts what the commit says
        for out in Revision(store, None).outputs:
            within(root, root / out.path)
            if store.path(out.hash, out.kind).exists():
                store.listing(out)
    try:
        dvc("checkout", root=root)
    except Fault:
        print(
            "some outputs are not in the cache, or the workspace has data that is not stored: "
            "`strata status` tells, `strata restore HEAD` brings them"
        )


def pre_push(root: Path) -> None:
    """Push the data of the commits that are about to be pushed, if storage is set up.

    Raises Fault if some of it is not on the remote afterwards: a commit whose data nobody else
    can get must not get there first.
    """
    tip = os.environ.get("PRE_COMMIT_TO_REF", "HEAD")
    to = os.environ.get("PRE_COMMIT_REMOTE_NAME", "origin")
    with opened(root) as store:
        name = store.remote()
        if not name:
            return
        store.reach(name)
        commits = git.git("rev-list", tip, "--not", f"--remotes={to}", root=root).splitlines()
        outs: dict[Output, str] = {}
        for commit in dict.fromkeys([git.commit_of(tip, root), *commits]):
            for out in Revision(store, commit).outputs:
                if not out.source:  # an import is stored where it comes from
                    outs.setdefault(out, commit)
        said = store.push(outs)
        absent = [(out, commit) for out, commit in outs.items() if not store.on_remote(out)]
    if absent:
        lines = [f"{out.path} of {commit[:7]} ({out.hash})" for out, commit in absent]
        raise Fault(
            "\n".join(lines[:MOST])
            + (f"\nand {len(lines) - MOST} more" if len(lines) > MOST else "")
            + "\nnot on the remote, "
            + (f"which says: {said}" if said else "nor in the cache: `strata restore` that commit")
            + "; then push again. Without the data: `git push --no-verify`"
        )
