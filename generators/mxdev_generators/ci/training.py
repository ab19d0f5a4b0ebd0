"""The job that starts a training on the cluster, watches it for a while, and leaves it there.

A training may take longer than any CI lets a job run, and a runner that only waits is paid for all the same. So the Job
is submitted by mx as it is from a person's machine: it has a run in MLflow before it starts, and `mx flow status`, `logs`
and `cancel` know it. What becomes of a training that is no longer watched is asked later, see the renderers.
"""

from __future__ import annotations

from mxdev_generators.ci.model import MX, Event, Facts, Job

KUBECONFIG = "/tmp/kubeconfig"  # noqa: S108  (in the job's own container or machine)
RUN_FILE = "build/training"
"""The file that has the id of the run, in the project."""
STILL_FILE = "build/training-goes-on"
"""The file that is there when the job has ended and its training has not."""
# Minutes to get ready: the project's environment is made, because MLflow is a part of it.
_READY = 20
# How long the first answer of the tracking server may take, in seconds.
_PATIENCE = 120

# What `mx flow run` says of the run that it has started.
_SUBMITTED = "/tmp/training.json"  # noqa: S108  (in the job's own container or machine)

STILL = 75
"""The exit code of `result` for a training that goes on."""

PHASE = (
    """python3 -c 'import json, sys; job = json.load(sys.stdin); print(job.get("phase") or job["status"])'"""
)
"""Reads what a job does, or how its run ended, from what `mx flow status RUN --json` says."""


def job(facts: Facts) -> Job:
    """The job `train`."""
    events: tuple[Event, ...] = ("tag", "schedule", "manual")
    return Job(
        "train", "Train", events, ("image-run",), _READY + facts.watch_minutes, (*MX, *cluster(facts)),
        (*connect(), *_submit(), *_watch(facts), *result(still=0)),
        "mx flow run --backend kubernetes --detach",
        ("COMMIT", "REGISTRY", "GOOGLE_TOKEN" if facts.cloud == "gcp" else "KUBECONFIG_DATA"),
        ("mx", "cluster"), (RUN_FILE,),
    )  # fmt: skip


def cluster(facts: Facts, environment: str = "") -> tuple[str, ...]:
    """Commands that let kubectl reach the cluster, for as long as the token lives or the secret is good.

    Args:
        facts: what the graph depends on.
        environment: that of one of the project's environments, in the Google Cloud project GCP_PROJECT_ID; empty: the project's.
    """
    if facts.cloud != "gcp":
        return (
            f"export KUBECONFIG={KUBECONFIG}",
            f'(umask 077; printf "%s\\n" "$KUBECONFIG_DATA" > {KUBECONFIG})',
        )
    # By its DNS name, which has a certificate that everybody knows, and with the job's own token: gcloud is not needed.
    name = f"{facts.name}-{environment}" if environment else facts.name
    project = "'\"$GCP_PROJECT_ID\"'" if environment else facts.project_id
    place = f"projects/{project}/locations/{facts.location}/clusters/{name}"
    address = f"https://container.googleapis.com/v1/{place}?fields=controlPlaneEndpointsConfig"
    read = (
        "import json, sys; "
        'print(json.load(sys.stdin)["controlPlaneEndpointsConfig"]["dnsEndpointConfig"]["endpoint"])'
    )
    config = f"""\
(umask 077; cat > {KUBECONFIG}) << END
apiVersion: v1
kind: Config
current-context: {name}
clusters: [{{name: {name}, cluster: {{server: "https://$SERVER"}}}}]
contexts: [{{name: {name}, context: {{cluster: {name}, user: ci, namespace: {name}}}}}]
users: [{{name: ci, user: {{token: "$GOOGLE_TOKEN"}}}}]
END
"""
    return (
        f"export KUBECONFIG={KUBECONFIG}",
        """SERVER=$(printf 'header = "Authorization: Bearer %s"' "$GOOGLE_TOKEN" | """
        f"curl --fail-with-body --silent --show-error --config - '{address}' | python3 -c '{read}')",
        config,
    )


def connect(*, needed: bool = True) -> tuple[str, ...]:
    """Commands that lead to the tracking server of the cluster, until the shell ends.

    Args:
        needed: whether the shell fails where there is none.
    """
    most = _PATIENCE // 2
    give_up = "cat /tmp/connect.log; exit 1" if needed else "break"
    return (
        "mx flow connect > /tmp/connect.log 2>&1 &",
        "CONNECTION=$!",
        """trap 'kill "$CONNECTION" 2> /dev/null || echo "The connection had ended."' EXIT""",
        f"""\
for TRY in $(seq {most}); do
  if curl --fail --silent --output /tmp/health http://127.0.0.1:5000/health; then break; fi
  if test "$TRY" = {most} || ! kill -0 "$CONNECTION" 2> /dev/null; then {give_up}; fi
  sleep 2
done
""",
    )


def _submit() -> tuple[str, ...]:
    # The run is noted also where its job may not have been submitted: it may be there all the same, and can be cancelled.
    return (
        f"mkdir -p build && CODE=0 && mx flow run --json --setup --backend kubernetes --detach "
        f'--image "$REGISTRY/run:$COMMIT" > {_SUBMITTED} || CODE=$?',
        f'test -s {_SUBMITTED} || exit "$CODE"',
        f"""RUN=$(python3 -c 'import json; print(json.load(open("{_SUBMITTED}"))["run_id"] or "")')""",
        f'test -z "$RUN" || echo "$RUN" > {RUN_FILE}',
        'test -n "$RUN" && test "$CODE" = 0',
    )


def _watch(facts: Facts) -> tuple[str, ...]:
    # A log that breaks off says nothing about the training.
    said = f"echo 'Followed for {facts.watch_minutes} minutes, or as long as the log came.'"
    return (f'timeout {facts.watch_minutes}m mx flow logs "$RUN" --follow || {said}',)


def result(still: int) -> tuple[str, ...]:
    """Commands that end the job as the training of `$RUN` ended.

    Args:
        still: the exit code for a training that goes on, or a cluster that does not answer.
    """
    return (
        f'STATE=$(mx flow status "$RUN" --json | {PHASE}) || STATE=unknown',
        f"""\
case "$STATE" in
  succeeded | FINISHED) echo "Run $RUN has trained its model." ;;
  failed | gone | FAILED | KILLED) echo "Run $RUN has failed: $STATE" >&2; exit 1 ;;
  *) echo "Run $RUN goes on ($STATE): mx flow status $RUN"; touch {STILL_FILE}; exit {still} ;;
esac
""",
    )


def cancel() -> tuple[str, ...]:
    """Commands that cancel the training that this job started, if it came so far, and close its run."""
    return (
        f"test -f {RUN_FILE} || exit 0",
        f"export KUBECONFIG={KUBECONFIG}",
        *connect(needed=False),
        f'mx flow cancel "$(cat {RUN_FILE})"',
    )
