"""What speaks against naming a revision's model as a release, or putting it into a stage."""

from strata import git
from strata.compare import answer, lines
from strata.compare.baselines import doubts
from strata.compare.evidence import gather, load_settings
from strata.compare.verdict import REGRESSION, check
from strata.core.errors import Fault
from strata.core.texts import inert
from strata.core.values import is_number
from strata.dvc import gto_tags, registry
from strata.dvc.revision import Offline, Revision
from strata.dvc.staleness import stale
from strata.dvc.store import Store
from strata.git import refs


def check_reason(reason: str | None) -> None:
    """Raise Fault for a reason without a word."""
    if reason is not None and not reason.strip():
        raise Fault("--force needs a reason: it stands in the tag")


def decide(figures: list[str], against: list[str], reason: str | None) -> list[str] | None:
    """Print the figures and what speaks against it; the lines of the tag, or None for a no."""
    print("\n".join([*figures, *(f"against it: {why}" for why in against)]))
    if against and reason is None:
        print("not released; --force REASON overrules that, and stands in the tag")
        return None
    overruled = [f"overruled: {why}" for why in against]
    return [*figures, *overruled, *([f"because: {reason}"] if reason else [])]


def unproven(store: Store) -> None:
    """Raise Fault if something is not committed, or dvc.lock is stale."""
    git.check_committed(store.root)
    stages, _ = stale(store)
    if stages:
        raise Fault(f"dvc.lock is stale ({', '.join(stages)}): `dvc repro`, and commit dvc.lock")


def judge(this: Revision, current: registry.Release | None) -> tuple[list[str], list[str]]:
    """The figures of this revision against the one in use; and what speaks against a release."""
    settings = load_settings(this)
    metric = settings.headline
    value = this.metrics.get(metric)
    if not is_number(value):
        raise Fault(
            f"this commit has no number {metric or 'to go by'}: set headline in "
            "[tool.strata.report], or have a stage write it"
        )
    figures, against = [f"{metric}: {value:.6g}"], list[str]()
    if current:
        verdict = answer(Revision(this.store, current.commit), this, rescore=True)
        evidence, gates = verdict.evidence, check(settings.gates, verdict.evidence)
        figures = [f"against {current.tag} ({current.commit[:9]}): {verdict.word}", *lines(verdict)]
        if verdict.word in ("worse", "cannot tell"):
            against.append(f"{verdict.word}, against {current.tag}")
    else:
        evidence, _ = gather(None, this, settings)
        figures.append("the first in its stage: nothing to hold it against")
        gates = [gate for gate in check(settings.gates, evidence) if gate.kind != REGRESSION]
    for doubt in doubts(metric, evidence):
        (against if doubt.is_worse else figures).append(f"by {metric}: {doubt.text}")
    for gate in gates:
        if gate.passed is False:
            against.append(
                f"gate {gate.kind} {gate.metric} {inert(str(gate.limit))}: {gate.why or gate.value}"
            )
    held = sum(gate.passed is True for gate in gates)
    figures.append(f"gates: {held} of {len(gates)} hold")
    return figures, against


def elsewhere(store: Store, model: str) -> list[str]:
    """Why nobody can tell which releases the remote has. Raises Fault if one of them is not here.

    It is the remote that is followed: on others, anyone may tag.
    """
    remote, prefix = refs.followed(store.root), gto_tags.prefix(model)
    if remote is None:
        return []
    try:
        listed = git.lines("ls-remote", "--tags", "--refs", remote, root=store.root)
    except Fault:
        return [f"cannot tell which releases {remote} has: it does not answer"]
    absent = {line.partition(refs.TAGS)[2] for line in listed}
    absent -= set(git.lines("tag", root=store.root))
    if tags := sorted(tag for tag in absent if tag.startswith((f"{prefix}@", f"{prefix}#"))):
        raise Fault(f"{remote} has {tags[-1]}, which is not here: `git fetch --tags {remote}`")
    return []


def unpushed(store: Store, this: Revision) -> list[str]:
    """What of a commit is nowhere but here."""
    against = []
    if not store.remote():
        against.append("its data and model are stored nowhere else: `make storage URL=…`")
    else:
        try:
            if outs := store.not_on_remote([out for out in this.outputs if out.is_pushed]):
                against.append(f"{len(outs)} outputs are not on the remote: `dvc push`")
        except Offline as fault:
            against.append(f"cannot tell whether its data is stored: {fault}")
    if not git.git("branch", "--remotes", "--contains", str(this.commit), root=store.root):
        against.append("no remote branch has this commit: `git push`")
    return against
