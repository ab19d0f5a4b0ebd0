"""The process that starts a control plane, keeps it for as long as somebody uses it, and stops it.

`python supervisor.py FOLDER`. Users hold a shared lock on `FOLDER/users`; the kernel lets go of it however they end, so
the control plane goes with its last user even when that one was killed. `FOLDER/state.json` is there while it is ready.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from control_plane import build, operators
from control_plane.api import Api
from control_plane.certificates import Certificates
from control_plane.nodes import create_nodes
from control_plane.programs import Programs, free_port

# Admission plugins beside the usual ones: with them a namespace says by annotation which nodes its pods go to.
ADMISSION = "PodNodeSelector,PodTolerationRestriction"


def start(folder: Path, programs: Programs, certificates: Certificates) -> dict[str, str]:
    """Start everything but operators; the state that users read."""
    crt, key = certificates.write(folder)
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    etcd, etcd_peer, port = (free_port() for _ in range(3))
    server = f"https://127.0.0.1:{port}"
    kubeconfig = write_kubeconfig(folder, server, token, crt)
    api = Api(server, token, crt)

    programs.start(
        "etcd", build.tool("etcd"), "--unsafe-no-fsync", f"--data-dir={folder / 'etcd'}", "--log-level=warn",
        f"--listen-client-urls=http://127.0.0.1:{etcd}", f"--advertise-client-urls=http://127.0.0.1:{etcd}",
        f"--listen-peer-urls=http://127.0.0.1:{etcd_peer}",
    )  # fmt: skip
    programs.start(
        "kube-apiserver", build.tool("kube-apiserver"), f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1", f"--secure-port={port}", f"--tls-cert-file={crt}",
        f"--tls-private-key-file={key}", f"--cert-dir={folder / 'apiserver'}", "--endpoint-reconciler-type=none",
        f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.0.0.0/16",
        f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=RBAC", "--allow-privileged=true",
        f"--enable-admission-plugins={ADMISSION}",
    )  # fmt: skip
    programs.wait("kube-apiserver", lambda: api.ok("/readyz"))

    programs.start(
        "kube-controller-manager", build.tool("kube-controller-manager"), f"--kubeconfig={kubeconfig}",
        "--leader-elect=false", "--secure-port=0", f"--service-account-private-key-file={key}",
        f"--root-ca-file={crt}", "--kube-api-qps=200", "--kube-api-burst=400",
        # Our nodes are as alive as this process; nobody needs their heartbeats.
        "--node-monitor-grace-period=24h",
    )  # fmt: skip
    programs.start(
        "kube-scheduler", build.tool("kube-scheduler"), f"--kubeconfig={kubeconfig}", "--leader-elect=false",
        "--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400",
    )  # fmt: skip
    start_kwok(programs, kubeconfig, crt, key)
    create_nodes(api)
    return {"server": server, "token": token, "authority": str(crt), "kubeconfig": str(kubeconfig)}


def start_kwok(programs: Programs, kubeconfig: Path, crt: Path, key: Path) -> None:
    """Start what plays the nodes, with a kubelet's port for all of them, and the volumes."""
    files = build.files("kwok") / "kustomize"
    pods, volumes, nodes = (files / "stage" / kind / "fast" for kind in ("pod", "volume", "node"))
    stages = [*pods.glob("pod-*.yaml"), *volumes.glob("pv*.yaml"), nodes / "node-initialize.yaml"]
    operators.apply(kubeconfig, files / "crd" / "bases")
    operators.apply(kubeconfig, volumes / "storage-class.yaml")
    operators.wait_for_definitions(kubeconfig)
    programs.start(
        "kwok", build.tool("kwok"), f"--kubeconfig={kubeconfig}",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-ip=127.0.0.1", f"--node-port={free_port()}", f"--tls-cert-file={crt}", f"--tls-private-key-file={key}",
        "--node-lease-duration-seconds=0", "--enable-crds=ClusterPortForward,PortForward,ClusterLogs,Logs",
        *(f"--config={stage}" for stage in stages),
    )  # fmt: skip


def write_kubeconfig(folder: Path, server: str, token: str, authority: Path) -> Path:
    """A kubeconfig with one context, `mx-tests`. JSON is YAML."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "mx-tests",
        "clusters": [
            {"name": "mx-tests", "cluster": {"server": server, "certificate-authority": str(authority)}}
        ],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "mx-tests", "context": {"cluster": "mx-tests", "user": "admin"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config, indent=1))
    path.chmod(0o600)
    return path


def serve(folder: Path) -> None:
    """Start, do what is asked for until nobody uses it any more, stop."""
    programs = Programs(folder)
    certificates = Certificates.new()
    state = folder / "state.json"
    with (folder / "users").open("rb") as users:
        try:
            found = start(folder, programs, certificates)
            half = folder / "state.half"
            half.write_text(json.dumps(found))
            half.rename(state)
            while not _unused(users.fileno()):
                programs.check()
                start_operators(folder, programs, found, certificates)
                time.sleep(0.2)
        except Exception:
            # Now, because to stop takes seconds, and a user who sees the state vanish looks here.
            traceback.print_exc()
            raise SystemExit(1) from None
        finally:
            state.unlink(missing_ok=True)
            programs.stop()


def start_operators(
    folder: Path, programs: Programs, state: dict[str, str], certificates: Certificates
) -> None:
    """Start the operators that somebody asked for by a file `NAME.wanted`, which becomes `NAME.ready`."""
    api = Api(state["server"], state["token"], Path(state["authority"]))
    for wanted in folder.glob("*.wanted"):
        operators.start(wanted.stem, folder, programs, Path(state["kubeconfig"]), api, certificates)
        wanted.rename(wanted.with_suffix(".ready"))


def _unused(users: int) -> bool:
    """Whether nobody holds the lock. It is ours from then on, so that a new user waits until we are gone."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.umask(0o077)
    serve(Path(sys.argv[1]).resolve())
