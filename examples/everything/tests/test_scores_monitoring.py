"""The monitoring of `scores`: what is found where something was injected, and that nothing is where nothing was."""

import json
import socket
from dataclasses import replace

import numpy as np
import pytest
from conftest import composed

from everything.scores_monitoring import (
    attacks,
    checks,
    features,
    log,
    metrics,
    page,
    reference,
    report,
    settings,
    statistics,
)

FEATURES = 8
ENDPOINT = "scores"
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def configured():
    settings.register()
    return settings.typed(composed(settings.CONFIG))


def classified(rows):
    """A stand-in for the model: three classes by the first two numbers."""
    return np.column_stack([rows[:, 0], rows[:, 1], np.zeros(len(rows))]) * 3


def drawn(size, seed):
    return np.random.default_rng(seed).normal(size=(size, FEATURES))


@pytest.fixture(scope="module")
def profile(configured):
    held_out = drawn(1000, 2)
    names = [f"x[{number}]" for number in range(FEATURES)]
    return reference.profile(names, drawn(5000, 1), held_out, classified(held_out), 0.1, configured)


def asked(rows, times=None, labels=None):
    labels = np.empty(0) if labels is None else labels
    times = NOW - 86400 * np.linspace(1, 0, len(rows)) if times is None else times
    return log.Served("3", times, rows, classified(rows), labels, np.arange(len(labels)))


def test_the_index_by_hand():
    before, now = np.array([50, 50]), np.array([25, 75])
    expected = (25.5 / 101 - 0.5) * np.log(25.5 / 50.5) + (75.5 / 101 - 0.5) * np.log(75.5 / 50.5)
    assert statistics.psi(before, now) == pytest.approx(expected)
    assert statistics.psi(before, before) == 0
    at = statistics.edges(np.array([0.0, 1]))
    assert statistics.counts(np.array([0.0, 1, 1, 5]), at).tolist() == [1, 3]


def test_the_index_exceeds_its_limit_as_often_as_is_said():
    found = []
    for seed in range(400):
        sample, served = drawn(800, seed)[:, 0], drawn(400, 1000 + seed)[:, 0]
        at = statistics.edges(sample)
        before, now = statistics.counts(sample, at), statistics.counts(served, at)
        limit = statistics.psi_by_chance(800, 400, len(before), 0.05)
        found.append(statistics.psi(before, now) > limit)
    assert 0.02 < np.mean(found) < 0.08


def test_nothing_is_found_where_nothing_has_changed(configured, profile):
    days = (asked(drawn(500, 100 + seed)) for seed in range(100))
    found = [checks.check(profile, served, configured).alarms for served in days]
    assert sum(map(bool, found)) <= 2, [alarms for alarms in found if alarms]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("shifted", "Kolmogorov-Smirnov distance"),
        ("wider", "PSI"),
        ("missing", "are missing, and 0.0% were"),
        ("out of range", "are not between"),
        ("answers", "class: PSI"),
    ],
)
def test_what_was_injected_is_found(kind, words, configured, profile):
    missed = []
    for seed in range(20):
        rows = drawn(500, 300 + seed)
        if kind == "shifted":
            rows[:, 4] += 0.5
        elif kind == "wider":
            rows[:, 4] *= 2
        elif kind == "missing":
            rows[:25, 4] = np.nan
        elif kind == "out of range":
            rows[:25, 4] = 40
        else:
            rows[:250, 1] = 6
        alarms = checks.check(profile, asked(rows), configured).alarms
        missed += [seed] if not any(words in alarm for alarm in alarms) else []
    assert missed == []


def test_values_where_there_were_none_are_found(configured, profile):
    none = np.where(np.arange(FEATURES) == 4, np.nan, 0.0)
    without = replace(
        profile,
        sample=profile.sample + none,
        low=profile.low + none,
        high=profile.high + none,
        missing=np.isnan(none).astype(float),
    )
    rows = drawn(500, 300)
    assert checks.check(without, asked(rows + none), configured).alarms == []
    alarms = checks.check(without, asked(rows), configured).alarms
    assert "x[4]: there are values, and there were none" in alarms


def test_too_few_rows_say_nothing_of_drift(configured, profile):
    found = checks.check(profile, asked(drawn(20, 1) + 9), configured)
    assert not found.enough
    assert found.alarms == []


def test_a_walk_along_the_boundary_is_found_and_a_film_is_none(configured, profile):
    rows = drawn(400, 5)
    steps = np.zeros((300, FEATURES))
    steps[:, :2] = np.random.default_rng(6).normal(scale=0.02, size=(300, 2))
    # In its middle the first two classes are equal.
    start = np.array([1.0, 1.0, *[0.0] * (FEATURES - 2)])
    attacked = checks.check(profile, asked(np.vstack([rows, start + steps])), configured)
    assert attacked.attack.walk
    assert any("along a boundary" in alarm for alarm in attacked.alarms)
    film = np.array([3.0, 0.0, *[0.0] * (FEATURES - 2)])
    filmed = checks.check(profile, asked(np.vstack([rows, film + steps])), configured)
    assert filmed.attack.near > configured.near
    assert not filmed.attack.walk


def test_asking_the_same_thing_again_is_no_walk(configured, profile):
    rows = np.repeat(drawn(100, 5), 5, axis=0)
    assert not checks.check(profile, asked(rows), configured).attack.walk


def test_inputs_from_elsewhere_are_found(configured, profile):
    rows = drawn(500, 8)
    # Each number by itself is usual.
    rows[:100] = np.sign(rows[:100]) * 2.2
    found = checks.check(profile, asked(rows), configured)
    assert found.attack.elsewhere
    assert not any(one.out_of_range > configured.out_of_range for one in found.inputs)


def test_a_flood_is_found_and_a_busy_day_is_none(configured, profile):
    day = NOW - 86400 + 60 * np.sort(np.random.default_rng(1).integers(0, 1440, 3000))
    rows = drawn(3400, 9)
    flood = np.sort(np.concatenate([day, np.full(400, NOW - 30)]))
    assert checks.check(profile, asked(rows, flood), configured).attack.flood
    assert not checks.check(profile, asked(rows[:3000], day), configured).attack.flood
    assert not attacks.is_flood(700, 600, 1440, 10, 300, 0.01)
    # Four times the usual in one minute of a day is what chance brings; in the only minute that there is, it is not.
    assert not attacks.is_flood(8, 2, 1440, 2, 5, 0.01)
    assert attacks.is_flood(8, 2, 1, 2, 5, 0.01)


def test_labels_that_came_back_are_counted(configured, profile):
    rows = drawn(500, 11)
    right = classified(rows).argmax(axis=1)
    found = checks.check(profile, asked(rows, labels=right), configured)
    assert (found.feedback.rows, found.feedback.error, found.feedback.worse) == (500, 0, False)
    wrong = np.where(np.arange(500) % 4, right, right + 1)
    found = checks.check(profile, asked(rows, labels=wrong), configured)
    assert found.feedback.error == 0.25
    assert any("by 500 labels the error is 0.25" in alarm for alarm in found.alarms)


def test_other_features_than_in_training_are_refused(configured, profile):
    with pytest.raises(ValueError, match="requests have 3 features, and the training data has 8"):
        checks.check(profile, asked(drawn(200, 1)[:, :3]), configured)


def test_features_are_by_place_by_name_or_a_summary():
    images = np.arange(8.0).reshape(2, 2, 2)
    assert features.table(images, 4)[0] == ["x[0,0]", "x[0,1]", "x[1,0]", "x[1,1]"]
    assert features.table(images, 4, ["a", "b", "c", "d"])[0] == ["a", "b", "c", "d"]
    heads, rows = features.table(images, 3)
    assert heads[:3] == ["mean", "deviation", "minimum"]
    assert rows[1, [0, 2, 6]].tolist() == [5.5, 4, 7]
    heads, rows = features.table({"b": [1.0, 2.0], "a": [3.0, None]}, 3)
    assert heads == ["a", "b"]
    assert rows[0].tolist() == [3, 1]
    assert np.isnan(rows[1, 0])


def request(number, when, **changed):
    return {
        "time": when,
        "id": str(number),
        "model": ENDPOINT,
        "version": "3",
        "inputs": [{"name": "x", "shape": [2, 2], "data": [number, 1, number, 2]}],
        "outputs": [{"name": "outputs", "shape": [2, 1], "data": [number, number + 0.5]}],
        **changed,
    }


def test_the_log_is_read_as_it_is_written(tmp_path):
    day = tmp_path / "2027-01-15"
    day.mkdir()
    records = [
        request(2, NOW - 10),
        request(1, NOW - 20),
        request(3, NOW - 30, version="4"),
        request(4, NOW - 3000),
        request(5, NOW - 40, model="another"),
        request(6, NOW - 5, outputs=[]),
    ]
    lines = [*map(json.dumps, records), "{half a li", "[" * 100_000]
    (day / "a.jsonl").write_text("\n".join(lines))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "b.jsonl").write_text('{"id": "2", "labels": [7, 8]}\n')
    window = log.read(str(tmp_path), ENDPOINT, 0.5, 100, 4, NOW)
    third, fourth = window.versions
    assert (third.version, fourth.version, window.unreadable) == ("3", "4", 3)
    assert third.rows.tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert third.outputs[:, 0].tolist() == [1, 1.5, 2, 2.5]
    assert third.times.tolist() == [NOW - 20, NOW - 10]
    assert dict(zip(third.labelled.tolist(), third.labels.tolist(), strict=True)) == {2: 7, 3: 8}
    newest = log.read(str(tmp_path), ENDPOINT, 0.5, 2, 4, NOW).versions[0]
    assert newest.rows.tolist() == [[2, 1], [2, 2]]


def test_a_label_of_another_form_ends_nothing(tmp_path):
    (tmp_path / "2027-01-15").mkdir()
    asked = [json.dumps(request(number, NOW - number)) for number in range(1, 6)]
    (tmp_path / "2027-01-15" / "a.jsonl").write_text("\n".join(asked))
    (tmp_path / "labels").mkdir()
    given = [["setosa", "setosa"], [[3], [3]], [7, 8], [None, 1], [10**400, 1]]
    labels = [
        json.dumps({"id": str(number), "labels": one}) for number, one in enumerate(given, start=1)
    ]
    (tmp_path / "labels" / "b.jsonl").write_text("\n".join(labels))
    window = log.read(str(tmp_path), ENDPOINT, 0.5, 100, 4, NOW)
    (served,) = window.versions
    assert (len(served.rows), window.unreadable) == (10, 4)
    found = dict(zip(served.labelled.tolist(), served.labels.tolist(), strict=True))
    assert found == {4: 7, 5: 8}
    assert served.outputs[4:6, 0].tolist() == [3, 3.5]


def test_no_log_is_no_request(tmp_path):
    assert log.read(str(tmp_path / "nowhere"), ENDPOINT, 24, 100, 4, NOW).versions == ()


def test_the_report_loads_nothing_and_shows_text_as_text(configured, profile):
    hostile = replace(profile, names=np.array(["<script>alert(1)</script>", *profile.names[1:]]))
    found = checks.check(hostile, asked(drawn(500, 1) + 1), configured)
    words = report.html(ENDPOINT, NOW - 86400, NOW, 1, [found], {"4": "no <b>run</b>"})
    assert "<script" not in words
    assert "no &lt;b&gt;run" in words
    assert "http" not in words
    assert "src=" not in words
    assert words.count("<figure>") == 2 + FEATURES
    assert "Look at this" in words


def test_the_metrics_are_of_prometheus_format(configured, profile):
    hostile = replace(profile, names=np.array(['a"b\\c', *profile.names[1:]]))
    found = checks.check(hostile, asked(drawn(500, 1)), configured)
    lines = metrics.text(ENDPOINT, NOW, 0, [found], ["4"]).splitlines()
    labels = '{endpoint="' + ENDPOINT + '",version='
    assert "monitoring_not_compared" + labels + '"4"} 1.0' in lines
    feature = 'kind="input",feature="a\\"b\\\\c"} 0.0'
    assert "monitoring_drifted" + labels + '"3",' + feature in lines
    assert not any(line.startswith("monitoring_error") for line in lines)
    names = [line.split("{")[0] for line in lines if not line.startswith("#")]
    assert sorted(set(names), key=names.index) == [name for name in metrics.HELP if name in names]


def test_the_page_shows_the_last_report(tmp_path):
    handler = page.handler(page.Results(str(tmp_path)).read, page.PAGE)

    def read(path):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            handler(theirs, ("", 0), None)
            theirs.shutdown(socket.SHUT_WR)
            head, _, body = ours.makefile().read().partition("\n\n")
        return head.split()[1], body

    assert read("/healthz") == ("200", "ok\n")
    assert read("/metrics")[0] == "404"
    (tmp_path / "report.html").write_text("the report")
    assert read("/?again") == ("200", "the report")
