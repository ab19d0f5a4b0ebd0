"""The dataset `customers`: a table of the tests' own is read, checked, divided and described."""

import mlflow
import pytest
from conftest import composed

from everything import tracking
from everything.data import customers as dataset


@pytest.fixture
def path(tmp_path):
    """Twenty rows: the target is the row's number."""
    table = tmp_path / "table.csv"
    rows = [f"{10 * row},a{row},{row}" for row in range(20)]
    table.write_text("\n".join(["size,label,goal", *rows]) + "\n")
    return table


def configured(path, *overrides):
    dataset.register()
    given = (f"dataset.path='{path}'", "dataset.target=goal", "dataset.skip=[label]")
    config = composed(dataset.STAGE, "experiment=tests", *given, *overrides)
    return dataset.typed(config)


def test_the_numbers_are_those_of_the_file(path):
    columns, rows, targets = configured(path).dataset.load()
    assert columns == ["size"]
    assert rows.tolist() == [[10.0 * row] for row in range(20)]
    assert targets.tolist() == list(range(20))


def test_every_row_is_in_one_part_and_always_the_same(path):
    table = configured(path).dataset
    datasets = table.datasets()
    parts = (datasets.train, datasets.validation, datasets.test)
    found = [[int(target) for _, target in part] for part in parts]
    assert list(map(len, found)) == [14, 3, 3]
    assert sorted(row for rows in found for row in rows) == list(range(20))
    assert all(values.tolist() == [10 * target] for part in parts for values, target in part)
    assert [part.tolist() for part in table.parts(20)] == found
    assert configured(path, "dataset.split_seed=2").dataset.parts(20)[2].tolist() != found[2]


def test_another_file_is_another_version(path):
    table = configured(path).dataset
    before = table.datasets().version()
    assert table.version() == before
    path.write_text(path.read_text().replace("190", "191"))
    assert table.version() != before


def test_a_run_has_the_description_and_the_version(path):
    config = configured(path)
    run = mlflow.get_run(dataset.run(config))
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"rows": 20, "columns": 1}
    assert run.data.params[tracking.DATA] == config.dataset.version().sha256
    assert run.data.tags[tracking.STAGE] == "customers"
    found = mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/description.json")
    assert (found["size.min"], found["size.mean"], found["size.max"]) == (0, 95, 190)
    assert (found["train"], found["goal.max"]) == (14, 19)


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        ("20,a2,2", "much,a2,2", r"line 4, column 'size': 'much' is not a number"),
        ("20,a2,2", ",a2,2", r"line 4, column 'size': '' is not a number"),
        ("20,a2,2", "nan,a2,2", r"line 4, column 'size': 'nan' is not a number"),
        ("20,a2,2", "20,a2", r"line 4: 2 cells, and the table has 3 columns"),
        ("20,a2,2", "1e39,a2,2", r"line 4, column 'size': '1e39' is not a number, or too large"),
        ("20,a2,2", "2_0,a2,2", r"line 4, column 'size': '2_0' is not a number"),
        (",goal", ",aim", r"has no column 'goal'. Its first line names these: .*'aim'"),
        ("size,", "goal,", r"has two columns 'goal'"),
        ("size,", ",", r"column 1 has no name; .* add '' to dataset.skip"),
        ("10,a1,1", '"10,a1,1', r"the row from line 3 on: unexpected end of data"),
        ("10,a1,1", "10,a1,yes", r"line 3, column 'goal': 'yes' is not .*one\. Correct it\.$"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(path, old, new, answer):
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=answer):
        configured(path).dataset.load()


def test_a_file_that_is_no_csv_is_named(path):
    path.write_bytes(path.read_text().encode("utf-16"))
    with pytest.raises(ValueError, match=r"table.csv is no CSV in UTF-8: "):
        configured(path).dataset.load()
    path.write_text("size;label;goal\n1,5;a;1\n")
    with pytest.raises(ValueError, match=r"line 1: ';' stands between the cells"):
        configured(path).dataset.load()
    path.write_text("label,goal\n" + "a,1\n" * 20)
    with pytest.raises(ValueError, match=r"table.csv has no column to predict 'goal' from"):
        configured(path).dataset.load()


def test_rows_that_repeat_another_are_counted(path):
    path.write_text(path.read_text() + "0,a0,0\n10,a1,1\n")
    assert dataset.describe(configured(path).dataset)["repeated"] == 2


def test_numbers_with_more_digits_than_32_bits_hold_are_not_the_same(path):
    header = "size,label,goal\n"
    path.write_text(header + "".join(f"{4930123400 + row},a,{row % 2}\n" for row in range(20)))
    assert dataset.describe(configured(path).dataset)["repeated"] == 0
    path.write_text(header + "".join(f"{row},a,{16777216 + row % 2}\n" for row in range(20)))
    with pytest.raises(ValueError, match=r"'goal' differs by less than 32 bits can hold"):
        configured(path).dataset.load()


def test_columns_without_a_name_are_skipped_together(path):
    path.write_text(",,goal\n" + "".join(f"a,b,{row}\n" for row in range(20)))
    skip = "dataset.skip=['']"
    with pytest.raises(ValueError, match=r"has no column to predict 'goal' from"):
        configured(path, skip).dataset.load()
    path.write_text(",,size,goal\n" + "".join(f"a,b,{row},{row}\n" for row in range(20)))
    assert configured(path, skip).dataset.load()[0] == ["size"]


def test_what_teaches_nothing_is_refused(path):
    path.write_text("size,label,goal\n" + "".join(f"{row},a,1\n" for row in range(20)))
    with pytest.raises(ValueError, match="'goal' is 1 in every row"):
        configured(path).dataset.load()
    with pytest.raises(ValueError, match=r"dataset.skip has the target, 'goal'"):
        configured(path, "dataset.skip=[goal]").dataset.load()


def test_a_path_that_is_no_file_is_said(path):
    with pytest.raises(IsADirectoryError, match=r"is a folder\. Set dataset.path to a file"):
        configured(path.parent).dataset.load()
    with pytest.raises(ValueError, match="is a URI") as refused:
        configured("https://user:word@example.com/a.csv").dataset.load()
    assert "word" not in str(refused.value)


def test_of_a_table_that_cannot_be_read_nothing_is_kept(path):
    config = configured("https://user:word@example.com/a.csv", "experiment=refused")
    with pytest.raises(ValueError, match="is a URI"):
        dataset.run(config)
    found = mlflow.search_runs(experiment_names=["refused"], output_format="list")
    assert found == []


def test_too_few_rows_and_no_file_are_said(path):
    path.write_text("size,label,goal\n1,a,1\n")
    with pytest.raises(ValueError, match="has 1 rows, too few"):
        configured(path).dataset.load()
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"table.csv does not exist. Put the table there"):
        configured(path).dataset.load()
