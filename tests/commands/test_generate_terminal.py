"""`mx generate` on a terminal: questions about values, the conflict menu, ^C and the end of input."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
import yaml
from conftest import Mx, State

Talk = Callable[..., pexpect.spawn]
Look = Callable[[Path], State]


@pytest.fixture
def talk(samples: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """Run mx on a terminal of its own."""
    running: list[pexpect.spawn] = []

    def start(*arguments: str, cwd: Path, term: str = "dumb") -> pexpect.spawn:
        env = {**os.environ, "TERM": term, "COLUMNS": "200"}
        child = pexpect.spawn(
            sys.executable, ["-m", "mxdev", *arguments], cwd=str(cwd), env=env, encoding="utf-8", timeout=30, dimensions=(50, 200)
        )  # fmt: skip
        running.append(child)
        return child

    yield start
    for child in running:
        child.close(force=True)


def finish(child: pexpect.spawn) -> tuple[int, str]:
    """Wait for the end; the exit code and what was said since the last question."""
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus is not None, f"killed by signal {child.signalstatus}"
    return child.exitstatus, child.before


def interrupt(child: pexpect.spawn) -> None:
    """Press ^C at a question until it is heard: one that comes just before Python waits for input is heard at the next key."""
    for _ in range(10):
        child.sendintr()
        if child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=2) == 0:
            return


def files(state: State) -> State:
    return {path: seen for path, seen in state.items() if not path.startswith(".mx")}


# --- values -----------------------------------------------------------------------------------------------------------


def test_only_what_is_declared_so_is_asked_and_asked_again_until_it_is_right(
    talk: Talk, tmp_path: Path
) -> None:
    child = talk("generate", "SampleBase", cwd=tmp_path)
    child.expect("The project's name: ")
    child.sendline("Not A Name")
    child.expect("it must be lower-case letters")
    child.expect("The project's name: ")
    child.sendline("demo")
    child.expect(r"What it is for \[A sample.\]: ")
    child.sendline('He said "hi" ${x}')
    code, rest = finish(child)
    assert code == 0, rest
    assert "?" not in rest
    assert (
        yaml.safe_load((tmp_path / "demo/conf/settings.yaml").read_text())["description"]
        == 'He said "hi" ${x}'
    )


def test_enter_takes_the_default(talk: Talk, tmp_path: Path) -> None:
    child = talk("generate", "SampleBase", "demo", cwd=tmp_path)
    child.expect(r"What it is for \[A sample.\]: ")
    child.sendline("")
    assert finish(child)[0] == 0
    assert yaml.safe_load((tmp_path / "demo/mx.yaml").read_text())["options"]["description"] == "A sample."


def test_keys_move_within_an_answer_and_blanks_around_it_are_no_part_of_it(
    talk: Talk, tmp_path: Path
) -> None:
    left, end = "\x1b[D", "\x05"
    child = talk("generate", "SampleBase", cwd=tmp_path, term="xterm")
    child.expect("The project's name: ")
    child.sendline(f"  dmo{left}{left}e{end} ")
    child.expect(r"What it is for \[A sample.\]: ")
    child.sendline("\x1b[A" + "\x15A pasted one.\t")  # what was answered before, and away with it
    code, rest = finish(child)
    assert code == 0, rest
    made = yaml.safe_load((tmp_path / "demo/mx.yaml").read_text())
    assert made["options"]["description"] == "A pasted one."


def test_no_input_asks_nothing_on_a_terminal(talk: Talk, tmp_path: Path) -> None:
    for number, flag in enumerate(("--no-input", "--json", "--dry-run")):
        child = talk("generate", "SampleBase", f"demo{number}", flag, cwd=tmp_path)
        code, said = finish(child)
        assert code == 0
        assert "What it is for" not in said


def test_the_skeleton_asks_at_most_five_things(talk: Talk, tmp_path: Path) -> None:
    child = talk("generate", "MLProjectSkeleton", cwd=tmp_path)
    answers, asked = iter(["demo-model", "", "", "", "", "", "", ""]), 0
    while child.expect([r"[^\r\n]+: $", pexpect.EOF]) == 0:
        asked += "[Y/n]" not in child.after
        child.sendline(next(answers))
    child.close()
    assert child.exitstatus == 0, child.before
    assert asked <= 5


def test_short_questions_a_way_back_and_one_confirmation(talk: Talk, tmp_path: Path) -> None:
    child = talk("generate", "MLProjectSkeleton", "demo-model", cwd=tmp_path)
    child.expect(r"\nCloud \(gcp, existing, none\) \[gcp\]: |^Cloud \(gcp, existing, none\) \[gcp\]: ")
    child.sendline("?")
    child.expect("bring your own cluster; none: this machine only")
    child.sendline("<")  # there is no question before
    child.expect(r"Cloud \(gcp, existing, none\) \[gcp\]: ")
    child.sendline("GCP")
    child.expect(r"Google Cloud project[^\r\n]*: ")
    child.sendline("acme-churn")
    child.expect(r"Region \[europe-west4\]: ")
    child.sendline("europe-west99")
    child.expect("is not a region of Google Cloud; did you mean")
    child.expect(r"Region \[europe-west4\]: ")
    child.sendline("<")
    child.expect(r"Google Cloud project \[acme-churn\]: |Google Cloud project[^\r\n]* \[acme-churn\]: ")
    child.sendline("acme-live")
    child.expect(r"Region \[europe-west4\]: ")
    child.sendline("us-central1")
    child.expect(r"GPU \([^)]*\) \[none\]: ")
    child.sendline("")
    child.expect(r"Generate it like this\? \[Y/n\]")
    summary = [line.split() for line in child.before.splitlines() if line.startswith("  ")]
    assert summary == [
        ["cloud", "gcp"], ["project-id", "acme-live"], ["region", "us-central1"], ["accelerator", "none"],
    ]  # fmt: skip
    child.sendline("n")
    code, said = finish(child)
    assert (code, "Nothing was written." in said) == (1, True)
    assert not (tmp_path / "demo-model").exists()


def test_a_laptop_is_asked_nothing_about_clouds_until_it_has_one(talk: Talk, mx: Mx, tmp_path: Path) -> None:
    child = talk("generate", "MLProjectSkeleton", "demo-model", "--skip-git", cwd=tmp_path)
    child.expect(r"Cloud \(gcp, existing, none\) \[gcp\]: ")
    child.sendline("none")
    code, said = finish(child)
    assert (code, "]: " in said) == (0, False)
    done = mx("set", "cloud=gcp", "region=us-central1", "--dry-run", cwd=tmp_path / "demo-model")
    assert "Nobody was asked for project-id (demo-model), accelerator (none)." in done.err
    assert "`mx set project-id=VALUE`" in done.err
    done = mx("set", "description=New", "--dry-run", cwd=tmp_path / "demo-model")
    assert "Nobody was asked" not in done.err


def test_what_the_project_knows_is_not_asked_again(talk: Talk, project: Path) -> None:
    code, said = finish(talk("generate", "SampleBase", cwd=project))
    assert (code, "What it is for" in said) == (0, False)


def test_the_name_of_an_instance_is_asked_once(talk: Talk, project: Path) -> None:
    child = talk("generate", "SampleApp", cwd=project)
    child.expect("The app's name: ")
    child.sendline("one")
    code, said = finish(child)
    assert (code, "The app's name" in said) == (0, False)
    assert (project / "apps/one.yaml").exists()


@pytest.mark.parametrize("answer", ["n", "no"])
def test_a_requirement_is_offered_and_may_be_declined(talk: Talk, tmp_path: Path, answer: str) -> None:
    root = tmp_path / "bare"
    root.mkdir()
    (root / "mx.yaml").write_text("version: 1\noptions: {name: bare, description: x, region: r}\n")
    child = talk("generate", "SampleApp", "one", cwd=root)
    child.expect("SampleApp requires SampleBase: generate it too\\?")
    child.sendline(answer)
    assert finish(child)[0] == 1
    assert not (root / "README.md").exists()
    child = talk("generate", "SampleApp", "one", cwd=root)
    child.expect("generate it too\\?")
    child.sendline("")
    assert finish(child)[0] == 0
    assert (root / "README.md").exists()


@pytest.mark.parametrize("how", ["interrupt", "end of input"])
@pytest.mark.parametrize("question", ["The project's name", "What it is for"])
def test_giving_up_at_a_question_writes_nothing(talk: Talk, tmp_path: Path, how: str, question: str) -> None:
    child = talk("generate", "SampleBase", *(["demo"] if question == "What it is for" else []), cwd=tmp_path)
    child.expect(question)
    interrupt(child) if how == "interrupt" else child.sendeof()
    code, said = finish(child)
    assert code == 130
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


# --- conflicts --------------------------------------------------------------------------------------------------------


@pytest.fixture
def conflicting(project: Path) -> Path:
    """A project in which two files are edited where `--size 2` changes them."""
    (project / "README.md").write_text("mine\n")
    settings = project / "conf/settings.yaml"
    settings.write_text(settings.read_text().replace("size: 1", "size: 99"))
    return project


ASK = r"Overwrite it\? \[y/n/a/k/p/d/m/q/h\]: "
RUN = ("generate", "SampleBase", "--size", "2")


def test_yes_and_no(talk: Talk, conflicting: Path) -> None:
    child = talk(*RUN, cwd=conflicting)
    child.expect(r"conflict  README.md: you and the generator changed the same place")
    child.expect(ASK)
    child.sendline("n")
    child.expect(r"conflict  conf/settings.yaml")
    child.expect(ASK)
    child.sendline("Yes")
    code, said = finish(child)
    assert code == 0, said
    assert re.search(r"conflict  README.md  \(keep, ", said)
    assert re.search(r"conflict  conf/settings.yaml  \(overwrite, ", said)
    assert (conflicting / "README.md").read_text() == "mine\n"
    assert "size: 2" in (conflicting / "conf/settings.yaml").read_text()
    assert (conflicting / "extra.txt").exists()
    # What was declined is not asked again.
    assert finish(talk(*RUN, cwd=conflicting))[0] == 0


def test_all(talk: Talk, conflicting: Path) -> None:
    child = talk(*RUN, cwd=conflicting)
    child.expect(ASK)
    child.sendline("a")
    assert finish(child)[0] == 0
    assert "Size 2" in (conflicting / "README.md").read_text()
    assert "size: 2" in (conflicting / "conf/settings.yaml").read_text()


def test_diff_and_help_ask_again(talk: Talk, conflicting: Path) -> None:
    child = talk(*RUN, cwd=conflicting)
    child.expect(ASK)
    child.sendline("d")
    child.expect("-mine")
    child.expect(r"\+Size 2, small.")
    for answer in ("h", "?", "xyz", ""):
        child.expect(ASK)
        child.sendline(answer)
        child.expect("y  yes: overwrite yours")
        child.expect("q  quit: stop; nothing has been written")
    child.expect(ASK)
    child.sendline("n")
    child.expect(r"conflict  conf/settings.yaml")
    child.expect(ASK)
    child.sendline("n")
    assert finish(child)[0] == 0


def test_merge_writes_markers_and_exits_1(talk: Talk, conflicting: Path) -> None:
    child = talk(*RUN, cwd=conflicting)
    for _ in range(2):
        child.expect(ASK)
        child.sendline("m")
    code, said = finish(child)
    assert code == 1
    assert "These files have conflict markers in them now" in said
    assert "<<<<<<< yours\nmine\n=======\n" in (conflicting / "README.md").read_text()


def test_a_binary_file_offers_no_merge(talk: Talk, project: Path) -> None:
    (project / "README.md").write_bytes(b"\x00mine")
    child = talk(*RUN, cwd=project)
    child.expect(r"Overwrite it\? \[y/n/a/k/d/q/h\]: ")
    child.sendline("m")
    child.expect("y  yes")
    child.expect(r"Overwrite it\?")
    child.sendline("d")
    child.expect("Binary file README.md differs")
    child.expect(r"Overwrite it\?")
    child.sendline("q")
    assert finish(child)[0] == 1


@pytest.mark.parametrize(("how", "code"), [("q", 1), ("interrupt", 130), ("end of input", 130)])
def test_giving_up_at_the_second_conflict_writes_nothing(
    talk: Talk, conflicting: Path, look: Look, how: str, code: int
) -> None:
    before = files(look(conflicting))
    child = talk(*RUN, cwd=conflicting)
    child.expect(ASK)
    child.sendline("y")
    child.expect(ASK)
    if how == "q":
        child.sendline("q")
    elif how == "interrupt":
        interrupt(child)
    else:
        child.sendeof()
    got, said = finish(child)
    assert (got, "Traceback" in said) == (code, False)
    assert files(look(conflicting)) == before


def test_quit_asks_nothing_more(talk: Talk, conflicting: Path) -> None:
    child = talk(*RUN, cwd=conflicting)
    child.expect(ASK)
    child.sendline("q")
    code, said = finish(child)
    assert (code, "Overwrite it?" in said, "nothing was written" in said) == (1, False, True)


@pytest.mark.parametrize("choice", ["keep", "overwrite", "merge"])
def test_a_policy_asks_nothing(talk: Talk, conflicting: Path, choice: str) -> None:
    code, said = finish(talk(*RUN, "--on-conflict", choice, cwd=conflicting))
    assert (code, "Overwrite it?" in said) == (int(choice == "merge"), False)


def test_a_dry_run_asks_nothing_and_exits_as_off_a_terminal(
    talk: Talk, mx: Mx, conflicting: Path, look: Look
) -> None:
    before = look(conflicting)
    code, said = finish(talk(*RUN, "--dry-run", cwd=conflicting))
    assert (code, "Overwrite it?" in said) == (1, False)
    assert look(conflicting) == before
    assert mx(*RUN, cwd=conflicting).code == 1


def test_while_a_question_is_open_another_run_waits_and_says_for_whom(
    talk: Talk, mx: Mx, conflicting: Path
) -> None:
    child = talk(*RUN, cwd=conflicting)
    child.expect(ASK)
    result = mx("generate", "SampleApp", "one", cwd=conflicting)
    assert result.code == 1
    assert f"process {child.pid}" in result.err
    assert mx("generate", "SampleApp", "one", "--dry-run", cwd=conflicting).code == 0
    child.sendline("q")
    assert finish(child)[0] == 1
    assert mx("generate", "SampleApp", "one", cwd=conflicting).code == 0
