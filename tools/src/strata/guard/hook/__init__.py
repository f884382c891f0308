"""What the Git hooks run, with this environment's DVC.

They stay out of the way of a rebase and a bisect, which check out one commit after another.
"""

import argparse
import sys
from pathlib import Path

from strata import git
from strata.core.errors import Fault, without_secrets
from strata.core.trust import within
from strata.dvc.revision import Revision
from strata.dvc.staleness import stale
from strata.dvc.store import opened, settings_in
from strata.guard.hook import merge
from strata.guard.hook.install import install
from strata.guard.hook.push import push
from strata.restore.checkout import dvc

SECRETS = {
    *("access_key_id", "secret_access_key", "session_token", "sse_customer_key"),
    *("account_key", "client_secret", "connection_string", "sas_token"),
    *("oss_key_id", "oss_key_secret", "gdrive_client_secret"),
    *("password", "passphrase", "token", "custom_auth_header"),
}


def run(args: argparse.Namespace) -> int:
    """Run one hook; anything but 0 stops what Git was about to do."""
    root = git.top()
    given = args.arguments
    if args.name == "install":
        install(root)
        merge.install(root)
    elif args.name == merge.NAME:
        base, ours, theirs, name = given
        merge.merge_lock(Path(base), Path(ours), Path(theirs), name)
    elif args.name == "no-secrets":
        no_secrets((root / ".dvc/config").read_text(encoding="utf-8"))
    elif args.name == "pre-push":
        push(root, given, sys.stdin.buffer.read().decode())
    elif args.name == "post-rewrite":
        if given == ["rebase"]:  # at its end
            follow(root)
    elif git.is_stepping(root):
        return 0
    elif args.name == "fresh-lock":
        fresh_lock(root)
    elif given[2:] != ["0"]:  # a checkout of single files
        follow(root)
    return 0


def fresh_lock(root: Path) -> None:
    """Raise Fault if dvc.lock is not what the code, params and data make.

    Data that is only behind the lock makes no commit false.
    """
    with opened(root) as store:
        stages, _ = stale(store)
    if stages:
        raise Fault(
            "dvc.lock is stale, so this commit would name a model that its code does not make:\n"
            + "\n".join(f"  {stage}: {'; '.join(why)}" for stage, why in stages.items())
            + "\nmend it:  dvc repro && git add --update\n"
            "or commit half-done work as it is:  git commit --no-verify"
        )


def no_secrets(config: str) -> None:
    """Raise Fault if the text of a .dvc/config has a secret in it."""
    for section, settings in settings_in(config).items():
        for key, value in settings.items():
            if key in SECRETS or (key == "url" and without_secrets(value) != value):
                name = section.removeprefix("remote ").strip('"')
                raise Fault(
                    f".dvc/config has a secret: {key} of {name}. Take it out and change it where "
                    f"it is valid; keep the new one with `dvc remote modify --local {name} {key} …`"
                )


def follow(root: Path) -> None:
    """Bring the outputs that the new dvc.lock names, as far as the cache has them."""
    if not (root / ".dvc/config").exists():
        return  # a commit from before DVC
    with opened(root) as store:  # DVC trusts what the commit says
        for out in Revision(store, None, reread=False).outputs:
            within(root, root / out.path)
            if store.path(out.hash, out.kind).exists():
                store.listing(out)
        if store.shared:  # so that DVC's own commands find it, too
            dvc("cache", "dir", "--local", str(store.shared), root=root)
        try:
            store.dvc_checkout()
        except Fault:
            print(
                "some outputs are not in the cache, or the workspace has data that is not stored: "
                "`strata status` tells, `strata restore HEAD` brings them"
            )
