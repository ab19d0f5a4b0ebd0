"""Runs inside the project's interpreter, as a script: tasks in CVAT of images in the bucket, and their labels back to the bucket.

Only the standard library, fsspec and cvat-sdk are there. What was done is asked of CVAT and of the bucket each time, so
that a run that was killed goes on.

    labels/NAME/request.json       which images, and which labels: what `create` was told
    labels/NAME/VERSION/…          what `export` made: VERSION is the hash of images and labels
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

# This script's own folder is on the path.
from bucket import SUMS, Problem, Store, answer, say  # type: ignore[import-not-found]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
# What the SDK calls a label that a whole image has.
TAG = "tag"


@contextmanager
def server(job: Mapping[str, Any]) -> Iterator[Any]:
    """A client that has logged in."""
    from cvat_sdk import Client, Config
    from cvat_sdk.api_client.exceptions import ApiException
    from cvat_sdk.core.client import AccessTokenCredentials

    config = Config(status_check_period=job.get("pause", 2), allow_unsupported_server=True)
    with Client(job["url"], config=config) as client:
        try:
            if job.get("token"):
                client.login(AccessTokenCredentials(job["token"]))
            else:
                client.login((job["user"], job["password"]))
            client.organization_slug = ""
            yield client
        except ApiException as problem:
            if problem.status in (401, 403):
                raise Problem(
                    f"CVAT at {job['url']} refuses the login, or what was asked for ({problem.status})."
                ) from None
            words = str(problem.body or problem.reason)[:500]
            raise Problem(f"CVAT at {job['url']} answered {problem.status}: {words}") from None


def frame_name(name: str, digest: str) -> str:
    """What an image is called in CVAT, which knows no folders: the hash of its path and of its content, and its own name.

    Equal images in two folders are two, and so is what stands in one place after the other: labels stay with what people saw.
    """
    return _frame_name(f"{digest} {name}", name)


def frame_names(name: str, digest: str) -> tuple[str, str]:
    """All that it may be called: in tasks that an earlier version made, only its path counted."""
    return frame_name(name, digest), _frame_name(name, name)


def _frame_name(hashed: str, name: str) -> str:
    return f"{hashlib.sha256(hashed.encode()).hexdigest()[:16]}-{PurePosixPath(name).name}"


def images(store: Any, folder: str) -> tuple[list[str], dict[str, str]]:
    """The images of a folder, and the hashes that it has of them."""
    there = store.files(folder)
    sums = store.sums(folder, there)
    found = sorted(name for name in there if name.lower().endswith(SUFFIXES))
    if not found:
        raise Problem(f"there are no images ({', '.join(SUFFIXES)}) below {store.uri}/{folder}.")
    if missing := [name for name in found if name not in sums]:
        raise Problem(
            f"{store.uri}/{folder}/{SUMS} does not name {missing[0]}: the upload has not ended. Run `mx data upload` again."
        )
    return found, sums


def create(job: Mapping[str, Any]) -> dict[str, Any]:
    """Make the project, and a task for so many images each. With `look`, only say what would be done."""
    store, name, folder = Store(job["uri"]), job["name"], job["folder"]
    found, sums = images(store, folder)
    request = {"folder": folder, "labels": sorted(job["labels"]), "kind": job["kind"]}
    before = asked(store, name, needed=False)
    if before and before != request:
        raise Problem(
            f"{name} was created from {before['folder']} with the labels {', '.join(before['labels'])} ({before['kind']}), and those "
            "stay. Take another name."
        )
    with server(job) as client:
        project = project_named(client, name)
        if project is not None:
            check_labels({label.name for label in project.get_labels()}, job["labels"], name)
        tasks = [] if project is None else project.get_tasks()
        whole = [task for task in tasks if size_of(task)]
        halves = [task for task in tasks if not size_of(task) and task.name.startswith(f"{name} ")]
        taken = {frame.name for task in whole for frame in task.get_frames_info()}
        left = [image for image in found if taken.isdisjoint(frame_names(image, sums[image]))]
        size = job["size"]
        told = {
            "images": len(found), "left": len(left), "tasks": -(-len(left) // size),
            "complete": not left and not halves and before == request,
        }  # fmt: skip
        if job["look"]:
            return told
        store.write(f"labels/{name}/request.json", json.dumps(request, indent=2).encode())
        if project is None:
            labels = [{"name": label, "type": job["kind"], "attributes": []} for label in request["labels"]]
            project = client.projects.create({"name": name, "labels": labels})
        for task in halves:
            # Its images had not all arrived when somebody stopped it.
            task.remove()
        for number in range(told["tasks"]):
            make_task(
                client,
                store,
                job,
                project.id,
                f"{name} {len(whole) + number + 1}",
                {image: frame_name(image, sums[image]) for image in left[number * size :][:size]},
            )
            say(f"task {number + 1} of {told['tasks']}")
    return told


def make_task(
    client: Any, store: Any, job: Mapping[str, Any], project: int, title: str, names: Mapping[str, str]
) -> None:
    """Make a task, with its images by way of this machine: CVAT needs no way to the bucket, and no key.

    Args:
        names: what the images are called there, by their path in the folder.
    """
    with tempfile.TemporaryDirectory(prefix="mx-labels-") as folder:
        files = []
        for name, frame in names.items():
            file = Path(folder, frame)
            store.get(f"{job['folder']}/{name}", file)
            files.append(file)
        spec = {"name": title, "project_id": project}
        client.tasks.create_from_data(
            spec, files, data_params={"image_quality": 95, "sorting_method": "predefined"}
        )


def asked(store: Any, name: str, *, needed: bool = True) -> dict[str, Any]:
    """What `create` was told."""
    if "request.json" not in store.files(f"labels/{name}"):
        if needed:
            raise Problem(
                f"{store.uri} has no labels/{name}/request.json; `mx labels create {name}` makes it."
            )
        return {}
    found: dict[str, Any] = json.loads(store.read(f"labels/{name}/request.json"))
    return found


def project_named(client: Any, name: str) -> Any:
    """The project of that name in CVAT, None when there is none."""
    found = [project for project in client.projects.list() if project.name == name]
    if len(found) > 1:
        raise Problem(f"CVAT has {len(found)} projects called {name}; rename all but one.")
    return found[0] if found else None


def check_labels(there: set[str], wanted: list[str], name: str) -> None:
    """Raise Problem where CVAT's labels are others than those that were asked for."""
    if unknown := sorted(there - set(wanted)):
        raise Problem(f"{name} has labels in CVAT that nobody asked for: {', '.join(unknown)}.")
    if missing := sorted(set(wanted) - there):
        raise Problem(f"{name} lacks labels in CVAT: {', '.join(missing)}.")


def size_of(task: Any) -> int:
    """How many images a task has; CVAT does not say before all have arrived."""
    return int(getattr(task, "size", 0) or 0)


def existing(client: Any, name: str) -> Any:
    """The project of that name, which must be there."""
    project = project_named(client, name)
    if project is None:
        raise Problem(f"CVAT has no project called {name}; `mx labels create {name}` makes it.")
    return project


def status(job: Mapping[str, Any]) -> dict[str, Any]:
    """How far the labelling is, task by task."""
    with server(job) as client:
        rows = []
        for task in existing(client, job["name"]).get_tasks():
            jobs = task.get_jobs()
            states = Counter(str(one.state) for one in jobs)
            people = sorted({one.assignee.username for one in jobs if one.assignee})
            rows.append(
                {
                    "id": task.id,
                    "name": task.name,
                    "images": size_of(task),
                    "jobs": dict(states),
                    "people": people,
                }
            )
    return {"tasks": rows, "complete": bool(rows) and all(set(row["jobs"]) == {"completed"} for row in rows)}


def export(job: Mapping[str, Any]) -> dict[str, Any]:
    """Write what was labelled as a data set of the bucket. With `look`, only say what would be done."""
    store, name = Store(job["uri"]), job["name"]
    request = asked(store, name)
    found, sums = images(store, request["folder"])
    with server(job) as client:
        project = existing(client, name)
        labels = {label.id: label.name for label in project.get_labels()}
        known = {frame: image for image in found for frame in frame_names(image, sums[image])}
        marks = labelled(project, labels, request["labels"], known, job)
    rows: list[dict[str, Any]] = [
        {"image": image, "sha256": sums[image], **marks[image]} for image in found if image in marks
    ]
    done = [row for row in rows if row["labels"] or row["shapes"]]
    if not done:
        raise Problem(f"no image of {name} has a label yet.")
    tags = request["kind"] == TAG
    if tags and (several := [row for row in done if len(row["labels"]) > 1]):
        raise Problem(
            f"{len(several)} images of {name} have more than one label, and each is to have one class: {several[0]['image']} "
            f"has {', '.join(several[0]['labels'])}."
        )
    text = json.dumps(
        {"labels": request["labels"], "images": done}, indent=1, sort_keys=True, ensure_ascii=False
    )
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    target = f"labels/{name}/{version}"
    there = store.files(target)
    told = {
        "version": version, "folder": target, "images": len(done), "unlabelled": len(found) - len(done),
        "classes": dict(Counter(label for row in done for label in row["labels"])), "complete": SUMS in there,
    }  # fmt: skip
    if job["look"] or told["complete"]:
        return told
    sealed = {"annotations.json": hashlib.sha256(text.encode()).hexdigest()}
    for number, row in enumerate(done, start=1):
        # The loader's `ImageFolder` reads the class in the name of the folder.
        place = f"{row['labels'][0] if tags else 'images'}/{frame_name(row['image'], row['sha256'])}"
        sealed[place] = row["sha256"]
        if place not in there or store.sha256(f"{target}/{place}") != row["sha256"]:
            store.copy(f"{request['folder']}/{row['image']}", f"{target}/{place}")
            if store.sha256(f"{target}/{place}") != row["sha256"]:
                raise Problem(f"{request['folder']}/{row['image']} is not the image that {SUMS} names.")
        if number % 100 == 0:
            say(f"{number} of {len(done)}")
    store.write(f"{target}/annotations.json", text.encode())
    for stray in set(there) - set(sealed) - {SUMS}:
        store.remove(f"{target}/{stray}")
    store.seal(target, sealed)
    return told


def labelled(
    project: Any,
    labels: Mapping[int, str],
    wanted: list[str],
    known: Mapping[str, str],
    job: Mapping[str, Any],
) -> dict[str, dict[str, list[Any]]]:
    """The labels and the shapes of each image.

    Raises:
        Problem: a label is unknown, or an image is, or a task is not completed.
    """
    found: dict[str, dict[str, list[Any]]] = {}
    unknown: Counter[str] = Counter()
    for task in project.get_tasks():
        if not size_of(task):
            raise Problem(f"the task {task.name!r} has no images yet; `mx labels create` again ends it.")
        if not job["partial"] and any(str(one.state) != "completed" for one in task.get_jobs()):
            raise Problem(
                f"the task {task.name!r} is not completed; --partial exports what is labelled so far."
            )
        frames = [frame.name for frame in task.get_frames_info()]
        if strange := [frame for frame in frames if frame not in known]:
            raise Problem(f"the task {task.name!r} has an image that is not in the bucket: {strange[0]}.")
        gone = set(task.get_meta().deleted_frames or [])
        for number, frame in enumerate(frames):
            if number not in gone:
                found.setdefault(known[frame], _unmarked())
        data = task.get_annotations()
        if data.tracks:
            raise Problem(f"the task {task.name!r} has tracks, and images have none.")
        for tag in data.tags:
            label = labels.get(tag.label_id, f"number {tag.label_id}")
            unknown[label] += label not in wanted
            if tag.frame not in gone:
                found[known[frames[tag.frame]]]["labels"].append(label)
        for shape in data.shapes:
            label = labels.get(shape.label_id, f"number {shape.label_id}")
            unknown[label] += label not in wanted
            if shape.frame not in gone:
                row = {
                    "label": label,
                    "type": str(shape.type),
                    "points": [float(point) for point in shape.points],
                }
                found[known[frames[shape.frame]]]["shapes"].append(row)
    if strange := sorted(label for label, count in unknown.items() if count):
        raise Problem(
            f"annotations have labels that `mx labels create` was not given: {', '.join(strange)}. Give their images one of "
            f"{', '.join(wanted)} in CVAT."
        )
    for marks in found.values():
        marks["labels"] = sorted(set(marks["labels"]))
        marks["shapes"].sort(key=lambda shape: json.dumps(shape, sort_keys=True))
    return found


def _unmarked() -> dict[str, list[Any]]:
    return {"labels": [], "shapes": []}


if __name__ == "__main__":
    sys.exit(answer({"create": create, "status": status, "export": export}))
