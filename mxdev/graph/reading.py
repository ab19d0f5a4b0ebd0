"""A project's rendered files become its picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mxdev.artifacts.image import DOCKERFILE
from mxdev.cluster.kubectl import Kubectl
from mxdev.deploy import config, objects
from mxdev.deploy.config import Deployment
from mxdev.deploy.endpoints import endpoints
from mxdev.flow.declared import mlproject
from mxdev.graph import kubernetes, terraform
from mxdev.graph.kubernetes import Object
from mxdev.graph.model import Graph, Kind, Node
from mxdev.graph.terraform import Resource, Terraform
from mxdev.project.project import Project

# Jobs that a person or mx starts lie here; what is deployed lies in folders beside them.
JOBS = "infrastructure/kubernetes"
_ACCOUNT = "iam.gke.io/gcp-service-account"
_ROLES: Mapping[str, str] = {
    "roles/storage.objectViewer": "reads",
    "roles/storage.objectCreator": "adds",
    "roles/storage.objectUser": "reads and writes",
    "roles/storage.objectAdmin": "reads and writes",
    "roles/storage.admin": "reads and writes",
    "roles/artifactregistry.reader": "pulls",
    "roles/artifactregistry.writer": "pushes",
    "roles/artifactregistry.repoAdmin": "pushes",
    "roles/iam.workloadIdentityUser": "acts as",
    "roles/iam.serviceAccountTokenCreator": "acts as",
}


def read(project: Project) -> Graph:
    """The picture of `project`: its generators, what they rendered, and what uses what.

    Raises:
        MxError: a file that it is drawn from cannot be read.
    """
    graph = Graph()
    owners = _owners(project)
    _generators(graph, project)
    made = terraform.read(project)
    _resources(graph, made, owners)
    things = _deployed(graph, project)
    things += _jobs(graph, project, owners)
    _code(graph, project, owners)
    _reached(graph, things)
    _images(graph, made, things)
    _data(graph, made, things)
    return graph


def _owners(project: Project) -> dict[str, str]:
    """The instance that each file is of, and each section as PATH#ADDRESS."""
    found: dict[str, str] = {}
    for name, record in project.instances.items():
        found |= {file.moved or path: name for path, file in record.files.items()}
        found |= {f"{section.path}#{section.address}": name for section in record.sections}
    return found


def _generators(graph: Graph, project: Project) -> None:
    for name, record in project.instances.items():
        graph.add(Node(f"generator {name}", name, "generator", record.generator, name))
    for name, record in project.instances.items():
        for needed in record.requires:
            graph.join(f"generator {name}", f"generator {needed}", "requires")


def _resources(graph: Graph, made: Terraform, owners: Mapping[str, str]) -> None:
    for one in made.resources:
        owner = owners.get(one.file, "")
        label = one.called or (one.name if one.name != "main" else terraform.type_of(one))
        kind: Kind = "store" if one.type == "google_storage_bucket" else "resource"
        graph.add(Node(one.address, label, kind, terraform.type_of(one), owner, one.optional))
    for one in made.resources:
        for reference in one.refers:
            for other in made.named(reference):
                graph.join(one.address, other.address)
    for grant in made.grants:
        label = ", ".join(dict.fromkeys(_ROLES.get(role, role.rpartition(".")[2]) for role in grant.roles))
        moved = any(_ROLES.get(role, "acts as") != "acts as" for role in grant.roles)
        for who in (one for reference in grant.who for one in made.named(reference)):
            for what in (one for reference in grant.what for one in made.named(reference)):
                graph.join(who.address, what.address, label, "data" if moved else "uses")


# An object with the key of its node.
_Thing = tuple[str, Object]


def _deployed(graph: Graph, project: Project) -> list[_Thing]:
    if project.read(config.FILE) is None:
        return []
    owners = config.owners(project)
    found: list[_Thing] = []
    for one in config.read(project):
        key = f"deployment {one.name}"
        owner = owners.get(one.name, "")
        chart = (one.helm or {}).get("chart") or {}
        detail = f"Helm chart {chart.get('name') or ''}".strip() if one.helm is not None else "deployment"
        graph.add(Node(key, one.name, "deployment", detail, owner, not one.by_default))
        if owner:
            graph.join(f"generator {owner}", key, "brings", "makes")
        if one.kubectl is None or one.kubectl.get("kustomize"):
            continue  # what is in it is fetched, and so not among the rendered files
        for thing in objects.rendered(project.root, Kubectl(None, None), one):
            node = _object(graph, thing, owner)
            found.append((node, thing))
            if node in graph.nodes:
                graph.join(key, node, "runs", "makes")
    return found


def _object(graph: Graph, thing: Object, owner: str) -> str:
    """Add the node of an object that runs pods; its key, which is that of no node for other objects."""
    kind, name = str(thing.get("kind")), kubernetes.name_of(thing)
    namespace = str((thing.get("metadata") or {}).get("namespace") or "")
    key = "/".join(filter(None, (kind, namespace, name)))
    if kind in kubernetes.WORKLOADS:
        graph.add(Node(key, name, "workload", kind, owner))
    elif any(True for _ in kubernetes.pods(thing)):
        graph.add(Node(key, name, "job", kind, owner))
    return key


def _jobs(graph: Graph, project: Project, owners: Mapping[str, str]) -> list[_Thing]:
    found: list[_Thing] = []
    for path in sorted((project.root / JOBS).glob("*.y*ml")):
        place = f"{JOBS}/{path.name}"
        alone = Deployment(place, "", {"manifests": [place]}, None)
        owner = owners.get(place, "")
        for thing in objects.rendered(project.root, Kubectl(None, None), alone):
            if not any(True for _ in kubernetes.pods(thing)) and not kubernetes.is_training(thing):
                continue
            key = f"{thing.get('kind')}/{place}"
            label = path.stem if kubernetes.is_training(thing) else kubernetes.name_of(thing)
            graph.add(Node(key, label, "job", str(thing.get("kind")), owner))
            found.append((key, thing))
    return found


def _code(graph: Graph, project: Project, owners: Mapping[str, str]) -> None:
    if (project.root / DOCKERFILE).is_file():
        graph.add(
            Node("image run", "run", "image", "image of this project's code", owners.get(DOCKERFILE, ""))
        )
    if not _has_mlproject(project.root):
        return
    file = mlproject.find(project.root).name
    whole = owners.get(file, "")
    for name in mlproject.read(project.root).entry_points:
        key = f"entry point {name}"
        owner = owners.get(f"{file}#entry_points.{name}", whole)
        graph.add(Node(key, name, "entry point", "MLproject", owner))
        graph.join(key, "image run", "is in", "data")


def _has_mlproject(root: Path) -> bool:
    return any(path.name.lower() == "mlproject" and path.is_file() for path in root.iterdir())


def _reached(graph: Graph, things: list[_Thing]) -> None:
    """Who talks to whom, and what the world reaches."""
    behind = _behind(graph, things)
    tracking = [key for key, thing in things if key in graph.nodes and kubernetes.tracks(thing)]
    for key, thing in things:
        for host in kubernetes.called(thing):
            for other in behind.get(host, ()):
                graph.join(key, other, "talks to", "data")
        if kubernetes.is_training(thing):
            for other in tracking:
                graph.join(key, other, "runs and models", "data")
        for host, services in endpoints(thing):
            owner = next((graph.nodes[one].owner for name in services for one in behind.get(name, ())), "")
            end = graph.add(Node(f"endpoint {host}", host, "endpoint", str(thing.get("kind")), owner))
            for name in services:
                for other in behind.get(name, ()):
                    graph.join(end.key, other, "leads to", "data")


def _behind(graph: Graph, things: list[_Thing]) -> dict[str, list[str]]:
    """The nodes that each Service leads to."""
    found: dict[str, list[str]] = {}
    for _, service in things:
        selector = (service.get("spec") or {}).get("selector") if service.get("kind") == "Service" else None
        if isinstance(selector, dict) and selector:
            wanted = {(str(key), str(value)) for key, value in selector.items()}
            keys = [
                key
                for key, thing in things
                if key in graph.nodes and wanted <= set(kubernetes.labels(thing).items())
            ]
            found.setdefault(kubernetes.name_of(service), []).extend(keys)
    return found


def _images(graph: Graph, made: Terraform, things: list[_Thing]) -> None:
    """Which images run where, and where they are kept."""
    own = graph.nodes.get("image run")
    for key, thing in things:
        if key not in graph.nodes:
            continue
        if own and kubernetes.is_training(thing):
            graph.join(own.key, key, "runs in", "data")
        for image in kubernetes.images(thing):
            name = image.rpartition("/")[2]
            if _registry(made, image) is None:
                continue
            node = graph.add(Node(f"image {name}", name, "image", image, graph.nodes[key].owner))
            graph.join(node.key, key, "runs in", "data")
    registries = [one for one in made.resources if one.type == "google_artifact_registry_repository"]
    for node in graph.of("image"):
        kept = _registry(made, node.detail) or (registries[0] if registries and node is own else None)
        if kept is not None:
            graph.join(node.key, kept.address, "is kept in", "data")


def _registry(made: Terraform, image: str) -> Resource | None:
    """The project's registry that an image is of; None: it is somebody else's image."""
    parts = image.split("/")
    for one in made.resources:
        if one.type == "google_artifact_registry_repository" and len(parts) > 2 and parts[2] == one.called:
            return one if parts[0].endswith("-docker.pkg.dev") else None
    return None


def _data(graph: Graph, made: Terraform, things: list[_Thing]) -> None:
    """What pods read and write: by the rights of the account that they act as, and by the buckets that they are told of."""
    accounts = dict(_accounts(made, things))
    stores = {one.called: one.address for one in made.resources if one.type == "google_storage_bucket"}
    for key, thing in things:
        if key not in graph.nodes:
            continue
        account = accounts.get(kubernetes.account(thing))
        if account is not None:
            graph.join(key, account.address, "acts as")
        for scheme, name in kubernetes.buckets(thing):
            if name in stores:
                graph.join(key, stores[name], _rights(graph, account, stores[name]), "data")
            else:
                place = graph.add(Node(f"{scheme}://{name}", name, "store", f"{scheme}://"))
                graph.join(key, place.key, "", "data")
        if account is not None and kubernetes.is_training(thing):
            for address in stores.values():
                if label := _rights(graph, account, address):
                    graph.join(key, address, label, "data")


def _rights(graph: Graph, account: Resource | None, store: str) -> str:
    for edge in graph.edges:
        if account is not None and (edge.source, edge.target) == (account.address, store):
            return edge.label
    return ""


def _accounts(made: Terraform, things: list[_Thing]) -> Iterator[tuple[str, Resource]]:
    """The account in the cloud that pods of each of Kubernetes' service accounts act as."""
    by_id = {one.called: one for one in made.resources if one.type == "google_service_account"}
    for _, thing in things:
        if thing.get("kind") != "ServiceAccount":
            continue
        notes = (thing.get("metadata") or {}).get("annotations") or {}
        found = by_id.get(str(notes.get(_ACCOUNT) or "").partition("@")[0])
        if found is not None:
            yield kubernetes.name_of(thing), found
