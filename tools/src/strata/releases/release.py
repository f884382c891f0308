"""Release the model of this commit: prove it, compare it with the one in use, and tag it.

The tag's text is the decision, with its figures. Nothing is tagged that dvc.lock does not make
again, byte by byte; all else that speaks against a release can be overruled with a reason, which
then stands in the tag.
"""

import argparse

from strata import git
from strata.core.errors import Fault
from strata.dvc import registry
from strata.dvc.revision import Revision
from strata.dvc.store import opened
from strata.git import refs
from strata.releases import stages
from strata.releases.checks import check_reason, decide, elsewhere, judge, unproven, unpushed
from strata.restore import verify


def run(args: argparse.Namespace) -> int:
    """Release HEAD: 0 if it is tagged, 1 if something speaks against it."""
    if args.promote or args.rollback:
        return stages.run(args)
    root = git.top()
    commit = refs.commit_of("HEAD", root)
    check_reason(args.force)
    with opened(root) as store:
        this = Revision(store, commit)
        model = registry.model_of(this, args.model)
        releases = registry.releases(root, model)
        if done := next((release for release in releases if release.commit == commit), None):
            way = f"; `strata release --promote {done.version} --stage {args.stage}` puts it there"
            raise Fault(
                f"this commit is {done.name} already" + way * (args.stage not in done.stages)
            )
        tag, place = registry.next_tags(root, model, args.bump, args.stage)
        git.git("var", "GIT_COMMITTER_IDENT", root=root)  # who tags, or what to set
        unproven(store)
        against = elsewhere(store, model)
        current = registry.holder(releases, args.stage)
        figures, objections = judge(this, current)
        against += [*objections, *unpushed(store, this)]
        against += [why] if (why := registry.missing_from(root, commit)) else []
        decision = decide(figures, against, args.force)
        if decision is None:
            return 1
    proof = "executed again: every output has the hash in dvc.lock"
    text = "\n".join([model, "", *decision, proof])
    # The stage's first: without its version it stands for nothing, should a power cut part them.
    texts = {place: f"{tag} is {args.stage}", tag: text}
    tags = git.tag_objects(root, commit, texts, signed=registry.signed(root))
    if verify.run(argparse.Namespace(revision=commit)):
        raise Fault("not released: dvc.lock is not what the pipeline makes")
    git.place_tags(root, tags)
    print(f"released {tag}, and it is {args.stage} now; to publish it:")
    print(f"  git push {refs.followed(root) or 'REMOTE'} '{tag}' '{place}'")
    return 0
