"""What keeps secrets and impossible storage out of the committed config."""

import pytest

from strata.core.errors import Fault
from strata.guard.hook import SECRETS, no_secrets
from strata.guard.storage import check

CONFIG = """
[core]
    remote = storage
['remote "storage"']
    url = {url}
    {key} = {value}
"""


@pytest.mark.parametrize("key", sorted(SECRETS))
def test_each_kind_of_secret_is_named_but_not_repeated(key: str) -> None:
    with pytest.raises(Fault) as fault:
        no_secrets(CONFIG.format(url="s3://bucket", key=key, value="hunter2"))
    assert f"{key} of storage" in str(fault.value)
    assert "hunter2" not in str(fault.value)


def test_a_password_in_a_url_is_a_secret() -> None:
    with pytest.raises(Fault, match="url of storage"):
        no_secrets(CONFIG.format(url="https://me:hunter2@host/x", key="verify", value="true"))


def test_a_config_without_secrets_passes() -> None:
    no_secrets(CONFIG.format(url="ssh://me@host/100%/x", key="profile", value="research"))


@pytest.mark.parametrize(
    ("url", "scheme"),
    [("s3://bucket/prefix", "s3"), ("../store", ""), ("C:\\store", ""), ("/mnt/store", "")],
)
def test_a_storage_url_has_a_scheme_or_is_a_folder(url: str, scheme: str) -> None:
    assert check(url) == scheme


@pytest.mark.parametrize("url", ["s3://key@bucket/x", "https://me:pw@host/x", "nfs://host/x"])
def test_a_url_that_will_not_do_is_a_fault(url: str) -> None:
    with pytest.raises(Fault):
        check(url)
