"""`strata bundle` writes the same bytes of a tag; `strata verify-release` believes no other."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zoo
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from project import Project, Strata
from tiny import forget

from strata.core.errors import Fault
from strata.releases.bundle import manifest

pytestmark = pytest.mark.slow
TAG = "tiny@v0.1.0"
EXPORT = """
import json, sys
from pathlib import Path

out = Path(sys.argv[1])
skill = float(Path("models/model.txt").read_text().split()[0])
months = len(list(Path("data/raw").iterdir()))
(out / "model.json").write_text(json.dumps({"months": months, "reason": "too skilled"}))
if skill > 2:
    print("too skilled")
    sys.exit(3)
(out / "model.onnx").write_bytes(b"onnx of " + str(skill).encode())
"""


def tag(project: Project, name: str = TAG, revision: str = "HEAD") -> None:
    project.run("git", "tag", "--annotate", "--message", name, name, revision)


@pytest.fixture
def released(project: Project) -> Project:
    """The tiny project with an export and a release."""
    (project.path / "export.py").write_text(EXPORT)
    (project.path / "requirements-dev.lock").write_text("onnx==1.0.0\n")
    settings = project.path / "pyproject.toml"
    export = '\n[tool.strata.release]\nexport = "python export.py"\n'
    settings.write_text(settings.read_text() + export)
    project.commit("Export")
    tag(project)
    return project


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    return pair(tmp_path / "keys")


def pair(folder: Path) -> tuple[str, str]:
    """A private and a public key, as openssl would write them."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private, public = folder / "private.pem", folder / "public.pem"
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem, spki))
    return str(private), str(public)


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def made(folder: Path) -> Any:
    return json.loads((folder / manifest.NAME).read_bytes())


def test_a_bundle_is_the_same_whoever_makes_it_and_when(
    released: Project, strata: Strata, tmp_path: Path
) -> None:
    said = strata(released, "bundle", TAG, "-o", str(tmp_path / "one"))
    assert "tiny of tiny@v0.1.0" in said
    assert "not signed: no --key" in said
    one = content(tmp_path / "one")
    assert sorted(one) == [
        *("README.md", "bom.json", "manifest.json", "model.json", "model.onnx", "model.txt")
    ]
    assert one["model.txt"] == released.read("models/model.txt")
    assert one["README.md"] == b"# Card of the tiny model\n"
    assert json.loads(one["model.json"])["months"] == 2

    other = released.copy(tmp_path / "elsewhere" / "project")
    other.set(**{"train.skill": 1.5})
    other.run("dvc", "repro", "--quiet")
    other.commit("Later")
    forget(other)  # so that the model is made again
    strata(other, "bundle", "-o", str(tmp_path / "two"))  # the newest release
    assert content(tmp_path / "two") == one


def test_the_manifest_names_all_that_the_model_came_from(
    released: Project, strata: Strata, tmp_path: Path
) -> None:
    strata(released, "bundle", TAG, "-o", str(tmp_path / "out"))
    found = made(tmp_path / "out")
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    for subject in found["subject"]:
        data = (tmp_path / "out" / subject["name"]).read_bytes()
        assert subject["digest"] == {"sha256": hashlib.sha256(data).hexdigest()}
    assert len(found["subject"]) == 5
    what = found["predicate"]
    lock = released.read("dvc.lock").decode()
    assert what["data"].keys() == {"data/raw", "metrics/predictions.parquet"}
    for each in (what["model"], *what["data"].values()):
        assert f"md5: {each['hash']}\n" in lock
    assert what["params"] == {"data.months": 2, "train.skill": 1.0, "train.seed": 0}
    assert what["environment"] == {
        name: {"sha256": hashlib.sha256(released.read(name)).hexdigest()}
        for name in ("requirements.lock", "requirements-dev.lock")
    }
    revisions = released.run("git", "rev-parse", "HEAD", "HEAD^{tree}", TAG).split()
    assert [what["code"]["gitCommit"], what["code"]["gitTree"]] == revisions[:2]
    assert what["tag"] == {"name": TAG, "object": revisions[2]}
    when = released.run("git", "for-each-ref", "--format=%(creatordate:unix)", f"refs/tags/{TAG}")
    assert what["date"] == stamp(int(when))


def stamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_bill_of_materials_keeps_the_schema_of_cyclonedx(
    released: Project, strata: Strata, tmp_path: Path
) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    strata(released, "bundle", TAG, "-o", str(tmp_path / "out"))
    text = (tmp_path / "out/bom.json").read_text()
    validator = JsonStrictValidator(SchemaVersion.V1_7)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace("machine-learning-model", "oracle")) is not None
    bom = json.loads(text)
    assert bom["specVersion"] == "1.7"
    model = bom["metadata"]["component"]
    assert (model["name"], model["version"]) == ("tiny", "v0.1.0")
    (auc,) = (
        metric
        for metric in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
        if metric["type"] == "roc_auc"
    )
    assert auc["slice"] == "test"
    low, high = map(float, auc["confidenceInterval"].values())
    assert low < float(auc["value"]) < high
    assert high - low == pytest.approx(2 * 1.96 * 0.02, abs=1e-5)
    names = {each["name"]: each["type"] for each in bom["components"]}
    assert names == {"data/raw": "data", "numpy": "library"}  # not what came after the model


def test_what_cannot_be_exported_is_said_and_what_fails_fails(
    released: Project, strata: Strata, tmp_path: Path
) -> None:
    released.set(**{"train.skill": 3.0})
    released.run("dvc", "repro", "--quiet")
    released.commit("Too skilled")
    said = strata(released, "bundle", "HEAD", "-o", str(tmp_path / "a"))
    assert "no ONNX: `python export.py` cannot export this model, and says why above" in said
    assert "too skilled" in said
    assert (tmp_path / "a/model.json").exists()
    assert not (tmp_path / "a/model.onnx").exists()

    export = released.path / "export.py"
    export.write_text("print('nothing to do')\n")
    released.commit("Nothing")
    said = strata(released, "bundle", "HEAD", "-o", str(tmp_path / "b"))
    assert "no ONNX: `python export.py` wrote none" in said
    export.write_text("import sys; sys.exit('broken')\n")
    released.commit("Broken")
    assert "`python export.py` of" in strata(released, "bundle", "HEAD", "-o", "c", code=1)
    export.write_text("open('train.py', 'a').write('#')\n")
    released.commit("Rude")
    said = strata(released, "bundle", "HEAD", "-o", "c", code=1)
    assert "changes train.py: an export only writes into its folder" in said
    (released.path / "pyproject.toml").write_text("[tool.strata.release]\nexprt = 'x'\n")
    released.commit("Misspelt")
    said = strata(released, "bundle", "HEAD", "-o", "c", code=1)
    assert "[tool.strata.release]: exprt is not known; there are card, export" in said
    assert not (released.path / "c").exists()


def test_a_folder_that_exists_and_a_key_that_is_none_are_refused_first(
    released: Project, strata: Strata, tmp_path: Path, keys: tuple[str, str]
) -> None:
    out = str(tmp_path / "out")
    assert "exists; name another" in strata(released, "bundle", TAG, "-o", "models", code=1)
    assert "No such file" in strata(released, "bundle", TAG, "-o", out, "--key", "none", code=1)
    said = strata(released, "bundle", TAG, "-o", out, "--key", keys[1], code=1)
    assert "not a key that can be used" in said
    released.run("git", "tag", "--delete", TAG)
    assert "tiny has no release" in strata(released, "bundle", "-o", out, code=1)
    assert "'nothing' is not a commit" in strata(released, "bundle", "nothing", "-o", out, code=1)
    assert not Path(out).exists()


# Verification


@pytest.fixture
def bundle(
    released: Project, strata: Strata, tmp_path: Path, keys: tuple[str, str]
) -> Callable[..., str]:
    """Verify a fresh copy of a signed bundle after a change of it; all that was said."""
    strata(released, "bundle", TAG, "-o", str(tmp_path / "signed"), "--key", keys[0])
    count = iter(range(100))

    def verify(
        change: Callable[[Path], object] = str,
        code: int = 1,
        key: str | None = keys[1],
        project: Project = released,
    ) -> str:
        folder = tmp_path / f"copy-{next(count)}"
        shutil.copytree(tmp_path / "signed", folder)
        change(folder)
        options = ["--public-key", key] if key else []
        return strata(project, "verify-release", str(folder), *options, code=code)

    return verify


def test_all_that_is_proven_is_said_and_what_is_not_looked_at_is_not(
    bundle: Callable[..., str], released: Project, tmp_path: Path
) -> None:
    said = bundle(code=0)
    assert f"is {TAG}: 5 files, their signature and the tag agree" in said
    assert "not proven" not in said
    said = bundle(code=4, key=None)
    assert "not proven: who made it: no --public-key" in said
    said = bundle(lambda folder: (folder / "model.sig").unlink(), code=4, key=None)
    assert "not proven: who made it: it is not signed" in said
    outside = Project(tmp_path, released.env)
    assert "not proven: what it was made of: no repository here" in bundle(code=4, project=outside)
    other = Project(tmp_path / "other", released.env)
    released.run("git", "clone", "--quiet", "--no-tags", str(released.path), str(other.path))
    said = bundle(code=4, project=other)
    assert "not proven: its tag: no tiny@v0.1.0 in this repository; `git fetch --tags`" in said
    assert "refused" not in said


def test_openssf_model_signing_itself_verifies_the_signature(
    bundle: Callable[..., str], tmp_path: Path, keys: tuple[str, str]
) -> None:
    folder = str(tmp_path / "signed")
    options = ["--signature", f"{folder}/model.sig", "--public_key", keys[1]]
    command = [sys.executable, "-m", "model_signing", "verify", "key", *options]
    ignoring = ["--ignore-paths", f"{folder}/model.sig", folder]
    done = subprocess.run([*command, *ignoring], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def edit(name: str, old: bytes, new: bytes) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        data = (folder / name).read_bytes()
        assert old in data
        (folder / name).write_bytes(data.replace(old, new, 1))

    return change


def resigned(old: bytes, new: bytes) -> Callable[[Path], object]:
    """Change the model, and the manifest with it."""

    def change(folder: Path) -> None:
        before = (folder / "model.txt").read_bytes()
        edit("model.txt", old, new)(folder)
        after = (folder / "model.txt").read_bytes()
        digests = [hashlib.sha256(data).hexdigest().encode() for data in (before, after)]
        edit("manifest.json", digests[0], digests[1])(folder)

    return change


def test_each_forgery_is_refused_by_name(bundle: Callable[..., str]) -> None:
    said = bundle(edit("model.txt", b"1.0", b"9.9"))
    assert "refused: model.txt: its SHA-256 is not the manifest's" in said
    assert "refused: model.sig: signs another model.txt" in said
    assert "refused: model.txt: not the models/model.txt of" in said
    assert "is NOT what it says" in said

    said = bundle(resigned(b"1.0", b"9.9"))
    assert "refused: model.sig: signs another manifest.json" in said
    assert "refused: model.txt: not the models/model.txt of" in said
    assert "its SHA-256" not in said
    assert "refused: model.txt: not the" in bundle(resigned(b"1.0", b"9.9"), key=None)

    said = bundle(edit("manifest.json", b'"train.skill": 1.0', b'"train.skill": 7.0'), key=None)
    assert f"refused: manifest.json: params.train.skill is 7.0, and 1.0 at {TAG}" in said
    said = bundle(edit("bom.json", b"roc_auc", b"ROC_AUC"), key=None)
    assert "refused: bom.json: its SHA-256 is not the manifest's" in said
    said = bundle(lambda folder: (folder / "README.md").unlink(), key=None)
    assert "refused: README.md: it is not here, and the manifest has it" in said
    said = bundle(lambda folder: (folder / "more.txt").write_text("x"), key=None)
    assert "refused: more.txt: not in the manifest" in said
    said = bundle(
        edit("manifest.json", b'"tiny@v0.1.0"', b'"x\\u001b[2K\\nall is proven"'), 4, None
    )
    assert "says that it is x\\x1b[2K\\nall is proven; nothing contradicts it" in said
    assert "not proven: its tag: no x" in said
    assert "no bundle" in bundle(lambda folder: (folder / "manifest.json").unlink())
    assert "not a manifest" in bundle(lambda folder: (folder / "manifest.json").write_text("[]"))


def test_a_forged_signature_is_refused(bundle: Callable[..., str], tmp_path: Path) -> None:
    said = bundle(lambda folder: (folder / "model.sig").unlink())
    assert "refused: model.sig: it is not here, and a key is given" in said
    said = bundle(lambda folder: (folder / "model.sig").write_text("{}"))
    assert "refused: model.sig: not a signature with the key of" in said
    _, strange = pair(tmp_path / "strange")
    said = bundle(key=strange)
    assert "refused: model.sig: not a signature with the key of" in said
    assert "Key mismatch" in said

    def flipped(folder: Path) -> None:
        path = folder / "model.sig"
        text = json.loads(path.read_bytes())
        sig = text["dsseEnvelope"]["signatures"][0]["sig"]
        text["dsseEnvelope"]["signatures"][0]["sig"] = sig[:20] + ("A" * 4) + sig[24:]
        path.write_text(json.dumps(text))

    assert "refused: model.sig: not made with the key of" in bundle(flipped)


def test_a_tag_that_is_another_one_is_refused(
    bundle: Callable[..., str], released: Project, tmp_path: Path
) -> None:
    released.run("git", "tag", "--delete", TAG)
    released.run(
        *("git", "tag", "--annotate", "--message", "again", TAG, "HEAD"),
        GIT_COMMITTER_DATE="2001-01-01T00:00:00Z",
    )
    said = bundle()
    assert f"refused: tag {TAG}: it is" in said
    assert "here, and" in said
    assert "model.txt" not in said


def test_a_tag_that_git_would_work_out_is_none(
    bundle: Callable[..., str], released: Project
) -> None:
    commit = released.run("git", "rev-parse", f"{TAG}^{{commit}}").strip()

    def forge(folder: Path) -> None:
        path = folder / "manifest.json"
        content = json.loads(path.read_bytes())
        content["predicate"]["tag"] = {"name": f"{TAG}^{{commit}}", "object": commit}
        path.write_text(json.dumps(content))

    assert f"not proven: its tag: no {TAG}^{{commit}} in this" in bundle(forge, 4, None)


def test_without_a_network_all_is_proven(
    bundle: Callable[..., str], released: Project, tmp_path: Path, keys: tuple[str, str]
) -> None:
    guard = tmp_path / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(
        "import socket\n"
        "def cut(*arguments, **options):\n    raise SystemExit('asked the network')\n"
        "socket.getaddrinfo = cut\n"
        "socket.socket.connect = socket.socket.connect_ex = cut\n"
    )
    apart = ["unshare", "--map-root-user", "--net"]
    allowed = sys.platform == "linux" and (
        subprocess.run([*apart, "true"], capture_output=True, check=False).returncode == 0
    )
    done = subprocess.run(
        [
            *(apart if allowed else []),
            *(sys.executable, "-m", "strata.cli", "verify-release", str(tmp_path / "signed")),
            *("--public-key", keys[1]),
        ],
        cwd=released.path,
        env=released.env | {"PYTHONPATH": str(guard)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "their signature and the tag agree" in done.stdout


# Other repositories


def test_models_of_folders_are_named_with_them_and_in_tags_without_a_colon(
    tmp_path: Path, strata: Strata
) -> None:
    shape = zoo.SHAPES["subfolders"]()
    with_models = {
        name: text + "artifacts:\n  net: {path: PATH, type: model}\n".replace("PATH", path)
        for name, path in (("first/dvc.yaml", "out.txt"), ("second/dvc.yaml", "kept.json"))
        for text in [shape.v1[name]]
    }
    shape = zoo.Shape({**shape.v1, **with_models}, shape.v2)
    project = zoo.create(tmp_path / "project", dict(os.environ), shape)
    out = tmp_path / "out"
    said = strata(project, "bundle", "v1", "-o", str(out), code=1)
    assert "several models: name one of first:net, second:net" in said
    tag(project, "second=net@v1.0.0", "v1")
    strata(project, "bundle", "second=net@v1.0.0", "-o", str(out))
    assert made(out)["predicate"]["model"]["name"] == "second:net"
    assert sorted(content(out)) == ["bom.json", "kept.json", "manifest.json"]
    said = strata(project, "verify-release", str(out), code=4)
    assert said.count("not proven: ") == 1
    strata(project, "bundle", "-o", str(tmp_path / "newest"), "--model", "second:net")
    assert content(tmp_path / "newest") == content(out)


@pytest.mark.parametrize(
    ("name", "path", "file"),
    [
        ("uncached", "model.txt", "model.txt"),  # the model is Git's
        ("monorepo", "model.txt", "model.txt"),
        ("odd_names", "out put", "out put/ä b.txt"),  # a folder
        ("odd_names", "out put/ä b.txt", "ä b.txt"),  # a file in one
        ("get_started", "model.pkl", "model.pkl"),
    ],
)
def test_any_repository_with_a_model_has_a_bundle(
    name: str, path: str, file: str, tmp_path: Path, strata: Strata
) -> None:
    shape = zoo.SHAPES[name]()
    yaml = f"{shape.root}/dvc.yaml".removeprefix("./")
    text = shape.v1[yaml].partition("artifacts:")[0]
    text += f'\nartifacts:\n  net: {{path: "{path}", type: model}}\n'
    shape = zoo.Shape({**shape.v1, yaml: text}, shape.v2, shape.before, shape.root)
    project = zoo.create(tmp_path / "project", dict(os.environ), shape)
    out = tmp_path / "out"
    strata(project, "bundle", "v1", "-o", str(out))
    assert file in manifest.read(out)[0]
    said = strata(project, "verify-release", str(out), code=4)
    assert "not proven: who made it" in said
    target = out / file
    target.write_bytes(target.read_bytes() + b" ")
    said = strata(project, "verify-release", str(out), code=1)
    assert f"refused: {Path(path).name}: not the {path} of" in said
    shutil.rmtree(out)


def test_a_manifest_of_another_form_is_one_line(tmp_path: Path) -> None:
    good = manifest.statement(
        {
            "tag": None,
            **{key: {} for key in ("data", "params", "environment")},
            "code": {"gitCommit": "0" * 40},
            "model": {"name": "a", "path": "b"},
        },
        {"x": "00"},
    )
    (tmp_path / manifest.NAME).write_bytes(manifest.text(good))
    assert manifest.read(tmp_path)[0] == {"x": "00"}
    changes: list[dict[str, Any]] = [
        {"_type": "other"},
        {"subject": [{"name": "../x", "digest": {"sha256": "00"}}]},
        {"predicate": None},
        {"predicate": good["predicate"] | {"tag": 5}},
        {"predicate": good["predicate"] | {"code": {}}},
    ]
    for change in changes:
        bad = good | change
        (tmp_path / manifest.NAME).write_bytes(manifest.text(bad))
        with pytest.raises(Fault):
            manifest.read(tmp_path)
