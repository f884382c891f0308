"""Rules for columns say what a value must be, and which may be new."""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pytest
from service.contract import Contract

from kit.base import Fault, validate
from kit.base.rules import one_of


def test_a_text_is_new_only_where_its_column_grows(capsys: pytest.CaptureFixture[str]) -> None:
    shops = pd.DataFrame({"shop": ["north", "west", "west", None]})
    grows = pa.DataFrameSchema({"shop": one_of("north", "south", missing=True, grows=True)})
    assert len(validate(shops, grows, Path("raw"))) == len(shops)
    assert capsys.readouterr().err == "raw: column shop: 1 new: 'west'\n"
    validate(shops.head(1), grows, Path("raw"))
    assert capsys.readouterr().err == ""
    fixed = pa.DataFrameSchema({"shop": one_of("north", "south", missing=True)})
    with pytest.raises(Fault, match=r"column shop: isin.*: 2 rows fail it: 'west' in row 1"):
        validate(shops, fixed, Path("raw"))
    empty = shops.assign(shop="")
    with pytest.raises(Fault, match="column shop: str_length"):
        validate(empty, grows, Path("raw"))


def test_a_row_to_be_scored_may_have_a_new_text_where_its_column_grows() -> None:
    rules = {"fixed": one_of("a", "b"), "grows": one_of("a", "b", grows=True)}
    fields = Contract(pa.DataFrameSchema(rules), 1).json_schema["oneOf"][0]["properties"]
    assert fields["fixed"]["enum"] == ("a", "b")
    assert "enum" not in fields["grows"]
