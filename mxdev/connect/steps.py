"""The steps of a connection: the login, the configuration, the credentials, the use of them, and whether it works."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev.cluster.kubectl import Kubectl
from mxdev.cluster.refusals import SILENT, ClusterError
from mxdev.connect import kubeconfig
from mxdev.connect.target import Target
from mxdev.errors import MxError
from mxdev.steps.model import Check, Say, State, Step
from mxdev.system import gcloud, programs
from mxdev.system.programs import Tool

# It has no version that says anything: it is released with gcloud.
PLUGIN = Tool(
    "gke-gcloud-auth-plugin",
    "gcloud components install gke-gcloud-auth-plugin, or your package manager's google-cloud-cli-gke-gcloud-auth-plugin",
)
NO_PLUGIN = "is missing: kubectl logs in to GKE with it"
# What gcloud is told on every configuration, by what it calls it.
_FORMAT = "json(name,is_active,properties.core.account,properties.core.project,properties.compute.region)"


def steps_of(target: Target, *, account: str | None, context: str | None, use: bool) -> list[Step]:
    """The steps of a connection to `target`.

    Args:
        target: where the project runs.
        account: the Google account; None: the one of the project's configuration, else the current one.
        context: for a cluster of one's own: the context that it has now; None: as it was.
        use: also make the configuration and the context the current ones.
    """
    if target.cloud == "gcp":
        found: list[Step] = [
            Login(name="login", title="Login to Google Cloud", target=target, account=account),
            Configuration(
                name="configuration", title=f"gcloud configuration {target.own}", needs=("login",),
                target=target, account=account,
            ),
            Credentials(
                name="credentials", title=f"Credentials, as the context {target.own}", needs=("configuration",),
                permissions=("container.clusters.get (roles/container.developer)",), target=target,
            ),
        ]  # fmt: skip
    else:
        found = [Context(name="credentials", title=f"Context {target.own}", target=target, context=context)]
    found.append(Answers(name="answers", title="The cluster answers", needs=("credentials",), target=target))
    if use:
        if target.cloud == "gcp":
            found.append(
                UseConfiguration(
                    name="use-configuration", title=f"Current gcloud configuration: {target.own}",
                    needs=("configuration",), target=target,
                )
            )  # fmt: skip
        found.append(
            UseContext(
                name="use-context",
                title=f"Current context: {target.own}",
                needs=("credentials",),
                target=target,
            )
        )
    return found


def configuration(target: Target) -> dict[str, Any] | None:
    """The gcloud configuration of the project's own; None: there is none yet."""
    listed = gcloud.as_json("config", "configurations", "list", f"--format={_FORMAT}")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise MxError("`gcloud config configurations list` does not print a list of configurations.")
    return next((one for one in listed if one.get("name") == target.own), None)


def account_of(found: dict[str, Any] | None) -> str:
    """The account that a configuration names; empty: none."""
    return str(_property(found, "core", "account") or "")


def _property(found: dict[str, Any] | None, section: str, name: str) -> object:
    properties = (found or {}).get("properties") or {}
    return (properties.get(section) or {}).get(name)


@dataclass(frozen=True, kw_only=True)
class _Gcp(Step):
    target: Target
    account: str | None = None

    def wanted_account(self, found: dict[str, Any] | None) -> str:
        """The account that is used: the one that was asked for, that of the project's configuration, the current one."""
        known = self.account or account_of(found)
        return known or gcloud.run("config", "get", "account").strip()


@dataclass(frozen=True, kw_only=True)
class Login(_Gcp, Check):
    """A person is logged in. Only they can do it: it opens a browser."""

    def look(self) -> State:
        """A token can be had, which also shows that the login has not expired."""
        account = self.account or self.wanted_account(configuration(self.target))
        if not account:
            return State.blocked("nobody is logged in to gcloud", "gcloud auth login")
        try:
            gcloud.run("auth", "print-access-token", f"--account={account}")
        except gcloud.GcloudError as error:
            remedy = f"gcloud auth login {account}"
            return State.blocked(f"{account} cannot log in: {error.message}", remedy if error.hint else "")
        return State.done(account)


@dataclass(frozen=True, kw_only=True)
class Configuration(_Gcp):
    """A gcloud configuration of the project's own; the active one stays as it is."""

    def look(self) -> State:
        """Compare what it says with what the project says."""
        found = configuration(self.target)
        if found is None:
            return State.create()
        wrong = [
            f"{section}/{name}"
            for section, name, value in self._settings(found)
            if _property(found, section, name) != value
        ]
        return State.change(f"{', '.join(wrong)} differ") if wrong else State.done()

    def _settings(self, found: dict[str, Any] | None) -> list[tuple[str, str, str]]:
        target = self.target
        # The region last: gcloud asks Google whether there is such a one.
        return [
            ("core", "account", self.wanted_account(found)),
            ("core", "project", target.project_id),
            ("compute", "region", target.region),
        ]

    def do(self, say: Say) -> None:
        """Make it, without activating it, and set what differs."""
        found = configuration(self.target)
        settings = self._settings(found)
        if found is None:
            gcloud.run("config", "configurations", "create", self.target.own, "--no-activate")
        for section, name, value in settings:
            if _property(found, section, name) != value:
                gcloud.run(
                    "config", "set", f"{section}/{name}", value, f"--configuration={self.target.own}",
                    project=self.target.project_id,
                )  # fmt: skip

    def take_back(self, say: Say) -> None:
        """Delete the configuration; the login stays."""
        gcloud.run("config", "configurations", "delete", self.target.own)


def cluster_arguments(target: Target) -> tuple[str, ...]:
    """What tells gcloud which cluster is meant, and with which configuration."""
    return (
        target.name, f"--location={target.location}", f"--project={target.project_id}",
        f"--configuration={target.own}",
    )  # fmt: skip


def described(target: Target) -> dict[str, Any] | None:
    """What Google says of the project's cluster; None: there is none.

    Raises:
        GcloudError: it cannot be asked.
    """
    try:
        found = gcloud.as_json(
            "container", "clusters", "describe", *cluster_arguments(target),
            "--format=json(status,controlPlaneEndpointsConfig)", project=target.project_id,
        )  # fmt: skip
    except gcloud.GcloudError as error:
        if error.missing:
            return None
        raise
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True, kw_only=True)
class Credentials(Step):
    """The cluster under a context of the project's own; the current context stays as it is."""

    target: Target

    def look(self) -> State:
        """Ask Google for the cluster, and compare with the kubeconfig."""
        if programs.locate(PLUGIN) is None:
            return State.of_error(programs.MissingTool(PLUGIN, NO_PLUGIN))
        cluster = described(self.target)
        if cluster is None:
            return State.blocked(
                f"there is no cluster {self.target.name} in {self.target.location} of the project {self.target.project_id}",
                f"`{self.target.command('mx infra apply')}` makes it.",
            )
        endpoints = cluster.get("controlPlaneEndpointsConfig") or {}
        address = (endpoints.get("dnsEndpointConfig") or {}).get("endpoint")
        if not address:
            return State.blocked(
                f"the cluster {self.target.name} has no DNS endpoint, at which it is reached",
                "`mx infra plan`, `mx infra apply`: the cluster of the project's .tf files has one.",
            )
        found = kubeconfig.context(self.target.own)
        if found is None:
            return State.create()
        if found["cluster"].get("server") != f"https://{address}":
            return State.change(f"it leads to {found['cluster'].get('server') or 'nowhere'}")
        return State.done(str(address))

    def do(self, say: Say) -> None:
        """Let gcloud write a kubeconfig aside, and take the cluster and the user from there."""
        with tempfile.TemporaryDirectory(prefix="mx-connect-") as folder:
            aside = Path(folder) / "config"
            gcloud.run(
                "container", "clusters", "get-credentials", *cluster_arguments(self.target), "--dns-endpoint",
                project=self.target.project_id, env={"KUBECONFIG": str(aside)},
            )  # fmt: skip
            cluster, user = kubeconfig.read_only(aside)
        if isinstance(login := user.get("exec"), dict):
            # Else the plugin logs in with whatever configuration is the current one.
            login["env"] = [{"name": "CLOUDSDK_ACTIVE_CONFIG_NAME", "value": self.target.own}]
        path = kubeconfig.put(self.target.own, cluster=cluster, user=user, namespace=self.target.name)
        say(f"context {self.target.own} in {path}")

    def take_back(self, say: Say) -> None:
        """Take the context out of the kubeconfig; the cluster stays."""
        forget(self.target)

    def look_back(self) -> State:
        """Whether the context is there; the cluster may be gone."""
        return State.remove() if kubeconfig.context(self.target.own) else State.done("not there")


def forget(target: Target) -> None:
    """Remove the project's own context, with its cluster and user if they are its own."""
    kubectl = programs.find("kubectl").command
    for what in ("context", "cluster", "user"):
        done = programs.run([*kubectl, "config", f"delete-{what}", target.own], capture=True, timeout=60)
        words = done.stderr.decode("utf-8", "replace").strip()
        if done.code and "cannot delete" not in words:
            raise MxError(f"`kubectl config delete-{what} {target.own}` failed: {words}")


@dataclass(frozen=True, kw_only=True)
class Context(Step):
    """For a cluster of one's own: a context of the project's own, with the cluster and the user of the one that is named."""

    target: Target
    context: str | None = None

    def look(self) -> State:
        """Compare the two."""
        mine = kubeconfig.context(self.target.own)
        if self.context is None:
            if mine:
                return State.done(str(mine["cluster"].get("server", "")))
            return State.blocked(
                "the project runs on a cluster of your own, and nobody has said which",
                "`kubectl config get-contexts` lists what you can log in to; then "
                f"`{self.target.command('mx connect')} --context NAME`.",
            )
        other = kubeconfig.context(self.context)
        if other is None:
            return State.blocked(
                f"the kubeconfig has no context {self.context}",
                "`kubectl config get-contexts` lists those that there are.",
            )
        if mine is None:
            return State.create(f"as {self.context}")
        same = (mine["cluster"], mine["user"]) == (other["cluster"], other["user"])
        return State.done(f"as {self.context}") if same else State.change(f"as {self.context}")

    def do(self, say: Say) -> None:
        """Copy cluster and user under the project's own name."""
        other = kubeconfig.context(self.context or "")
        if other is None:
            raise MxError(f"The kubeconfig has no context {self.context} any more.")
        path = kubeconfig.put(
            self.target.own, cluster=other["cluster"], user=other["user"], namespace=self.target.name
        )
        say(f"context {self.target.own} in {path}")

    def take_back(self, say: Say) -> None:
        """Take the context out of the kubeconfig; the one that was named stays."""
        forget(self.target)

    def look_back(self) -> State:
        """Whether the context is there."""
        return State.remove() if kubeconfig.context(self.target.own) else State.done("not there")


@dataclass(frozen=True, kw_only=True)
class Answers(Check):
    """The cluster answers, and lets the person deploy."""

    target: Target

    def look(self) -> State:
        """Ask it for the right to deploy."""
        kubectl = Kubectl(self.target.own, self.target.name)
        try:
            kubectl.run("auth", "can-i", "create", "deployments.apps", "--quiet", retry=False)
        except ClusterError as error:
            # With --quiet a "no" is exit code 1 and not a word.
            if error.reason or error.words != SILENT:
                raise
            return State.blocked(
                f"your account may not deploy in the namespace {self.target.name}",
                "Ask whoever looks after the cluster for it; `kubectl auth can-i --list --context "
                f"{self.target.own}` shows what you may do.",
            )
        return State.done("you may deploy")


@dataclass(frozen=True, kw_only=True)
class UseConfiguration(Step):
    """The project's configuration is the active one; only with `--use`."""

    target: Target

    def look(self) -> State:
        """Whether it is active."""
        found = configuration(self.target) or {}
        return State.done() if found.get("is_active") else State.change("another one is active")

    def do(self, say: Say) -> None:
        """Activate it."""
        gcloud.run("config", "configurations", "activate", self.target.own)


@dataclass(frozen=True, kw_only=True)
class UseContext(Step):
    """The project's context is the current one; only with `--use`."""

    target: Target

    def look(self) -> State:
        """Whether it is the current one."""
        try:
            current = Kubectl(None, None).context
        except ClusterError as error:
            if error.reason != "NoContext":
                raise
            current = ""
        return State.done() if current == self.target.own else State.change(f"now: {current or 'none'}")

    def do(self, say: Say) -> None:
        """Make it so."""
        command = [*programs.find("kubectl").command, "config", "use-context", self.target.own]
        done = programs.run(command, capture=True, timeout=60)
        if done.code:
            raise MxError(
                f"`kubectl config use-context` failed: {done.stderr.decode('utf-8', 'replace').strip()}"
            )
