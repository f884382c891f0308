"""The signature of a bundle, by a key, in the form of the OpenSSF's Model Signing.

No network is asked: neither for signing nor for verifying. `model_signing` verifies it, too.
"""

import base64
import json
from pathlib import Path
from typing import Any

from strata.core.errors import Fault, first_line
from strata.releases.bundle.manifest import files

NAME = "model.sig"


def check(key: Path) -> None:
    """Raise Fault if a private key cannot be used, before any work is done."""
    _signer(key)


def sign(folder: Path, key: Path) -> None:
    """Sign all files of a folder, into a further file of it."""
    config = _signer(key)
    config.set_hashing_config(_hashing())
    config.sign(folder, folder / NAME)


def faults(folder: Path, key: Path) -> list[str]:
    """Why a folder is not what the owner of a public key signed; empty if it is."""
    from cryptography.exceptions import InvalidSignature
    from model_signing.verifying import Config

    if not (folder / NAME).is_file():
        return [f"{NAME}: it is not here, and a key is given to check it"]
    config = _with_key(key, lambda: Config().use_elliptic_key_verifier(public_key=key))
    config.set_hashing_config(_hashing())
    try:
        config.verify(folder, folder / NAME)
    except InvalidSignature:
        return [f"{NAME}: not made with the key of {key}, or changed since"]
    except Exception as error:  # the library raises what its parsers do
        why = first_line(error)
        if why.startswith("Signature mismatch"):  # what was signed is authentic
            names = _differing(folder)
            return [f"{NAME}: signs another {name}" for name in names] or [f"{NAME}: {why}"]
        return [f"{NAME}: not a signature with the key of {key}: {why}"]
    return []


def _differing(folder: Path) -> list[str]:
    """The files that only a verified signature or only the folder has, or with another hash."""
    bundle = json.loads((folder / NAME).read_bytes())
    payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    signed = {each["name"]: each["digest"] for each in payload["predicate"]["resources"]}
    here = {name: oid for name, oid in files(folder).items() if name != NAME}
    return sorted(n for n in signed.keys() | here.keys() if signed.get(n) != here.get(n))


def _hashing() -> Any:
    """All files count, whatever their names, but the signature itself."""
    from model_signing.hashing import Config

    return Config().set_ignored_paths(paths=[NAME], ignore_git_paths=False)


def _signer(key: Path) -> Any:
    from model_signing.signing import Config

    return _with_key(key, lambda: Config().use_elliptic_key_signer(private_key=key))


def _with_key(key: Path, use: Any) -> Any:
    try:
        return use()
    except OSError as error:
        raise Fault(f"{key}: {error.strerror}") from None
    except Exception as error:  # the library's own words for what it cannot parse
        raise Fault(
            f"{key}: not a key that can be used, an unencrypted PEM of curve P-256: "
            f"{first_line(error)}"
        ) from None
