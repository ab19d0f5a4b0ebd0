"""Each processor on small tables, and by its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import processors
import pytest
from jsonschema import Draft202012Validator
from processors import __main__ as program
from processors import deduplicate, scale, split, validate

SCHEMA = json.loads(
    (Path(__file__).parents[1] / "configuration.schema.json").read_text(encoding="utf-8")
)["properties"]["processors"]


def table(rows: int = 100) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "customer": [number // 2 for number in range(rows)],
            "day": [f"2026-01-{1 + number // 10:02}" for number in range(rows)],
            "fee": draw.uniform(10, 1000, rows),
            "contract": draw.choice(["monthly", "yearly"], rows),
            "churned": ["yes", "no"] * (rows // 2),
        }
    )


FITTING: list[dict[str, Any]] = [
    {"name": "validate", "only": True, "columns": {
        "customer": {"type": "number"}, "day": {"type": "text"}, "churned": {"missing": 0.5},
        "fee": {"type": "number", "minimum": 10, "maximum": 1000},
        "contract": {"values": ["monthly", "yearly"]},
    }},
    {"name": "deduplicate"},
    {"name": "split", "by": "customer"},
    {"name": "scale", "columns": ["fee"], "how": "robust"},
]  # fmt: skip


def test_the_schema_knows_them_all() -> None:
    against = Draft202012Validator(SCHEMA)
    assert list(against.iter_errors(FITTING)) == []
    assert {one["name"] for one in FITTING} == {*processors.TABLE, "split", *processors.LEARNING}
    for wrong in (
        {"name": "nonsense"}, {"name": "scale", "how": "nonsense"}, {"name": "split"}, {"by": "day"},
        {"name": "split", "by": "day", "after": "day"}, {"name": "deduplicate", "by": "day"},
    ):  # fmt: skip
        assert list(against.iter_errors([wrong])), wrong


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"age": {}}, "the column age is missing"),
        ({"fee": {"type": "text"}}, "fee: it is a number"),
        ({"contract": {"type": "number"}}, "contract: it is no number, such as"),
        ({"contract": {"minimum": 0}}, "contract: it is no number, such as"),
        ({"contract": {"maximum": 1}}, "contract: it is no number, such as"),
        ({"fee": {"minimum": 100}}, r"fee: \d+ rows are below 100, the lowest is"),
        ({"fee": {"maximum": 100}}, r"fee: \d+ rows are above 100, the highest is"),
        ({"contract": {"values": ["monthly"]}}, "contract: nobody agreed on yearly"),
        ({"day": {}}, r"day: 1.0% of the rows lack a value, and 0.0% may"),
    ],
)
def test_what_was_not_agreed_is_told(columns: dict[str, Any], told: str) -> None:
    given = table()
    given.loc[3, "day"] = None
    with pytest.raises(ValueError, match=told):
        validate.apply(given, {"columns": columns})


def test_all_differences_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="agreed on the column") as refused:
        validate.apply(table(), {"only": True, "columns": {"age": {}, "fee": {"minimum": 999}}})
    assert len(str(refused.value).splitlines()) == 1 + 1 + 4 + 1


def test_each_row_once() -> None:
    given = pd.concat([table(), table()])
    assert len(deduplicate.apply(given, {})) == 100
    last = deduplicate.apply(given, {"by": ["customer"], "keep": "last"})
    assert last["customer"].is_unique
    assert last.index.tolist() == [2 * number + 1 for number in range(50)]
    with pytest.raises(ValueError, match="no column is called id"):
        deduplicate.apply(given, {"by": ["id"]})


def test_nobody_is_on_both_sides() -> None:
    train, test = split.apply(table(), {"by": "customer"}, "churned", 0.2, 0)
    assert not set(train["customer"]) & set(test["customer"])
    assert (len(train), len(test)) == (80, 20)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5])
def test_the_last_days_are_kept(share: float) -> None:
    train, test = split.apply(table(), {"after": "day"}, "churned", share, 0)
    assert len(train) + len(test) == 100
    assert train["day"].max() < test["day"].min()
    assert len(test) >= 100 * share


def test_one_day_cannot_be_divided() -> None:
    with pytest.raises(ValueError, match="all rows have the same day"):
        split.apply(table().assign(day="x"), {"after": "day"}, "churned", 0.2, 0)
    mostly = table().assign(day=["2026-01-01"] * 99 + ["2026-01-02"])
    train, test = split.apply(mostly, {"after": "day"}, "churned", 0.5, 0)
    assert (len(train), len(test)) == (99, 1)


def test_days_are_compared_as_days() -> None:
    numbers = table().assign(day=[9, 10] * 50)
    train, test = split.apply(numbers, {"after": "day"}, "churned", 0.5, 0)
    assert (set(train["day"]), set(test["day"])) == ({9}, {10})
    # As text the hour of the first comes after that of the second.
    zones = table().assign(day=["2026-01-02T00:30:00+02:00", "2026-01-01T23:30:00Z"] * 50)
    train, test = split.apply(zones, {"after": "day"}, "churned", 0.5, 0)
    assert (len(train), len(test)) == (50, 50)
    assert set(test["day"]) == {"2026-01-01T23:30:00Z"}
    told = "50 of 100 rows have a day that is no number and no date .*, for example '9.1.2026'"
    with pytest.raises(ValueError, match=told):
        split.apply(
            table().assign(day=["2026-01-10", "9.1.2026"] * 50), {"after": "day"}, "churned", 0.5, 0
        )
    same = table().assign(day=["2026-01-02T00:30:00+02:00", "2026-01-01T22:30:00Z"] * 50)
    with pytest.raises(ValueError, match="all rows have the same day"):
        split.apply(same, {"after": "day"}, "churned", 0.5, 0)


@pytest.mark.parametrize("how", ["by", "after"])
def test_rows_of_no_side_are_told(how: str) -> None:
    given = table()
    given.loc[[3, 5], "day"] = None
    with pytest.raises(ValueError, match="split: 2 of 100 rows lack a value in day"):
        split.apply(given, {how: "day"}, "churned", 0.2, 0)


def test_a_side_that_would_be_empty_is_told() -> None:
    with pytest.raises(ValueError, match="split: "):
        split.apply(table(2), {}, "churned", 0.2, 0)
    _, test = split.apply(table(), {"after": "day"}, "churned", 0.0, 0)
    assert set(test["day"]) == {"2026-01-10"}


def test_by_itself_each_answer_is_in_its_share() -> None:
    train, test = split.apply(table(), {}, "churned", 0.2, 0)
    assert test["churned"].value_counts().to_dict() == {"yes": 10, "no": 10}
    assert not set(train.index) & set(test.index)


def test_what_scales_is_learned_from_the_rows_to_train_on() -> None:
    given = table()
    rows, transformer = scale.apply(given[:80], {}, "churned")
    assert abs(rows["fee"].mean()) < 1e-9
    assert rows["fee"].std(ddof=0) == pytest.approx(1)
    assert rows["contract"].tolist() == given["contract"][:80].tolist()
    assert rows["churned"].tolist() == given["churned"][:80].tolist()
    later = transformer.transform(given[80:].drop(columns="churned"))
    expected = (given["fee"][80:] - given["fee"][:80].mean()) / given["fee"][:80].std(ddof=0)
    assert later["fee"].tolist() == pytest.approx(expected.tolist())
    with pytest.raises(ValueError, match="no column of numbers is called contract"):
        scale.apply(given, {"columns": ["contract"]}, "churned")


def test_all_in_their_order() -> None:
    values = {"target": "churned", "test_share": 0.2, "seed": 0, "processors": FITTING}
    made = processors.run(pd.concat([table(), table()]), values)
    assert (len(made.train), len(made.test)) == (80, 20)
    assert [name for name, _ in made.learned] == ["scale"]
    # The rows of the evaluation are as they came.
    assert made.test["fee"].min() >= 10
    one = {**values, "processors": []}
    with pytest.raises(ValueError, match="nothing to learn"):
        processors.run(table().assign(churned="no"), one)
    with pytest.raises(ValueError, match="no column is called churned"):
        processors.run(table().drop(columns="churned"), one)


def test_they_are_tried_on_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration, rows = tmp_path / "configuration.json", tmp_path / "table.csv"
    configuration.write_text(json.dumps({"target": "churned", "processors": FITTING}), "utf-8")
    table().to_csv(rows, index=False)
    asked = [str(configuration), str(rows), str(tmp_path / "out")]
    assert program.main(asked) == 0
    assert capsys.readouterr().out.endswith("train: 80 rows\ntest: 20 rows\n")
    assert len(pd.read_csv(tmp_path / "out/test.csv")) == 20
    table().drop(columns="fee").to_csv(rows, index=False)
    assert program.main(asked) == 1
    assert "the column fee is missing" in capsys.readouterr().err
