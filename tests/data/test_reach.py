"""CVAT in the cluster: the way there ends with whoever uses it. kubectl is a double, which listens itself instead of forwarding."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mxdev.testing import mx

KUBECTL = """\
#!{python}
import http.server, os, sys
if sys.argv[1] == "version":
    print('{{"clientVersion": {{"gitVersion": "v1.34.2"}}}}')
    sys.exit()
with open({pid!r}, "w") as file:
    file.write(str(os.getpid()))
if {broken!r}:
    sys.exit("error: services \\"cvat-backend-service\\" not found")
port = next(word for word in sys.argv if word.endswith(":8080")).partition(":")[0]
http.server.HTTPServer(("127.0.0.1", int(port)), http.server.BaseHTTPRequestHandler).serve_forever()
"""
USER = """\
import sys, time
from pathlib import Path
from mxdev.data import reach
from mxdev.errors import MxError
from mxdev.project.project import Project
try:
    with reach.cvat(Project.load(Path.cwd()), None, None) as found:
        print(found["url"], flush=True)
        time.sleep(60)
except MxError as problem:
    sys.exit(problem.message)
"""


def user(folder: Path, *, broken: bool) -> subprocess.Popen[str]:
    """Somebody who reaches CVAT."""
    (folder / "mx.yaml").write_text("version: 1\noptions:\n  name: pets\n  cloud: existing\n")
    program = folder / "bin/kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL.format(python=sys.executable, pid=str(folder / "pid"), broken=broken))
    program.chmod(0o755)
    env = {
        **os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "CVAT_ACCESS_TOKEN": "token",
        "KUBECONFIG": str(folder / "none"),
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", USER], cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )  # fmt: skip


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    # Nobody has waited for it yet: it has ended all the same.
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_the_way_ends_with_its_user(tmp_path: Path, end: signal.Signals) -> None:
    with user(tmp_path, broken=False) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        forward = int((tmp_path / "pid").read_text())
        assert runs(forward)
        process.send_signal(end)
        process.communicate(timeout=20)
    until = time.monotonic() + 10
    while runs(forward) and time.monotonic() < until:
        time.sleep(0.05)
    assert not runs(forward)


def test_a_cluster_without_it_is_told(tmp_path: Path) -> None:
    with user(tmp_path, broken=True) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "CVAT in the namespace pets cannot be reached" in said
    assert "cvat-backend-service" in said


def test_a_project_of_one_machine_asks_no_cluster(tmp_path: Path) -> None:
    (tmp_path / "mx.yaml").write_text("version: 1\noptions:\n  name: pets\n  cloud: none\n")
    said = mx("labels", "status", "cats", cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert said.code == 1
    assert "There is no CVAT of the project's own." in said.stderr
    assert "--url" in said.stderr
    assert "mx set cloud=" in said.stderr
