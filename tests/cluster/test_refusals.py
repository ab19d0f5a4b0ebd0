"""What kubectl's words mean: is the API server away, or does it refuse?"""

from __future__ import annotations

import pytest

from mxdev.cluster import refusals
from mxdev.cluster.refusals import ClusterError

KLOG = 'E1121 15:00:34.632311   11591 memcache.go:265] "Unhandled Error" err="couldn\'t get current server API"\n'

# As kubectl 1.32 and its neighbours print them.
LOST = [
    f"{KLOG}{KLOG}The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?",
    "Unable to connect to the server: dial tcp 10.0.0.1:443: i/o timeout",
    "Unable to connect to the server: net/http: TLS handshake timeout",
    "Unable to connect to the server: dial tcp: lookup cluster.example on 8.8.8.8:53: no such host",
    "Unable to connect to the server: EOF",
    'Get "https://10.0.0.1/api/v1/pods": EOF',
    "error: unexpected EOF",
    "Unable to connect to the server: read tcp 1.2.3.4:5->6.7.8.9:443: read: connection reset by peer",
    "Unable to connect to the server: net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
    "Unable to connect to the server: context deadline exceeded",
    "Unable to connect to the server: http2: client connection lost",
    "Error from server (ServiceUnavailable): the server is currently unable to handle the request (get jobs.batch)",
    "Error from server (Timeout): Timeout: request did not complete within requested timeout",
    'Error from server (InternalError): an error on the server ("") has prevented the request from succeeding',
    "Error from server: etcdserver: request timed out",
    "Error from server: etcdserver: leader changed",
    "Error from server (TooManyRequests): the server has received too many requests and has asked us to try again",
    "Unable to connect to the server: dial tcp 10.0.0.1:443: connect: no route to host",
    "error: Bad Gateway",
]
REFUSED = [
    ('Error from server (NotFound): pods "x" not found', "NotFound"),
    ('error: error from server (NotFound): pods "x" not found in namespace "ml"', "NotFound"),
    ('Error from server (NotFound): error when creating "STDIN": namespaces "ml" not found', "NotFound"),
    ('Error from server (AlreadyExists): error when creating "STDIN": jobs.batch "x" already exists', "AlreadyExists"),
    ('Error from server (Forbidden): jobs.batch is forbidden: User "u" cannot list', "Forbidden"),
    (
        'Error from server (Forbidden): error when creating "STDIN": jobs.batch "x" is forbidden: exceeded quota: two, requested: '
        "count/jobs.batch=1, used: count/jobs.batch=2, limited: count/jobs.batch=2",
        refusals.QUOTA,
    ),
    ('The Job "x" is invalid: spec.template.spec.restartPolicy: Required value', "Invalid"),
    ("error: You must be logged in to the server (Unauthorized)", "Unauthorized"),
    ("error: EOF", "Unauthorized"),
    ("Unable to connect to the server: getting credentials: exec: executable gke-gcloud-auth-plugin failed", "Unauthorized"),
    ("Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority", ""),
    ('error: context "x" does not exist', "NoContext"),
    ('error: the server doesn\'t have a resource type "pytorchjobs"', "NoKind"),
    (
        'error: resource mapping not found for name: "x" namespace: "" from "STDIN": no matches for kind "PyTorchJob" '
        'in version "kubeflow.org/v1"\nensure CRDs are installed first',
        "NoKind",
    ),
    (
        "Error from server (InternalError): error when creating \"STDIN\": Internal error occurred: failed calling "
        'webhook "validator.pytorchjob.training-operator.kubeflow.org": dial tcp 10.0.0.9:443: connect: connection refused',
        "InternalError",
    ),
    ("error: unknown flag: --x", ""),
]  # fmt: skip


@pytest.mark.parametrize("said", LOST)
def test_lost(said: str) -> None:
    assert refusals.reason(refusals.words(said), reached=False) == "Lost"


@pytest.mark.parametrize(("said", "reason"), REFUSED)
def test_refused(said: str, reason: str) -> None:
    assert refusals.reason(refusals.words(said), reached=False) == reason


def test_a_login_that_worked_before_fails_for_want_of_a_network() -> None:
    said = (
        "Unable to connect to the server: getting credentials: exec: executable gke-gcloud-auth-plugin failed"
    )
    assert refusals.reason(said, reached=True) == "Lost"


def test_what_kubectl_logs_for_developers_is_left_out() -> None:
    assert refusals.words(f"{KLOG}error: no\n{KLOG}") == "error: no"
    assert refusals.words(KLOG) == KLOG.strip()
    assert refusals.words(" \n") == "kubectl failed and said nothing."


def test_an_error_says_what_to_do() -> None:
    error = ClusterError("`kubectl get` failed: forbidden", reason="Forbidden")
    assert "kubectl auth can-i --list" in str(error)
    assert not error.lost
    assert "kubectl describe quota" in str(ClusterError("no room", reason=refusals.QUOTA))
    assert ClusterError("gone", reason="Lost").lost
    assert ClusterError("no", reason="Forbidden", hint="Ask Ann.").hint == "Ask Ann."
