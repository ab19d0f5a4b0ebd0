"""What kubectl says when something does not work: is the API server away, or does it refuse?"""

from __future__ import annotations

import re

from mxdev.errors import MxError

# What is said of a connection that did not come to be, broke, or led to a server that is starting or overloaded.
_LOST = re.compile(
    r"""connection\ refused | was\ refused\ - | connection\ reset | broken\ pipe | i/o\ timeout
    | TLS\ handshake\ timeout | context\ deadline\ exceeded | Client\.Timeout | request\ canceled
    | unexpected\ EOF | :\ EOF\b | connection\ lost | server\ closed | GOAWAY | connection\ error
    | no\ route\ to\ host | network\ is\ (?:unreachable|down) | host\ is\ (?:unreachable|down)
    | no\ such\ host | server\ misbehaving | temporary\ failure\ in\ name\ resolution
    | ServiceUnavailable | TooManyRequests | \(Timeout\) | apiserver\ not\ ready | etcdserver: | leader\ changed
    | currently\ unable\ to\ handle | unable\ to\ return\ a\ response\ in\ the\ time
    | Bad\ Gateway | Gateway\ Time-?out | an\ error\ on\ the\ server | shutting\ down
    """,
    re.VERBOSE | re.IGNORECASE,
)
# The same words in another's mouth: a webhook that is away is the cluster's own trouble, and a login needs a person.
# "error: EOF" is all that is left of kubectl's question for a user name.
_NOT_LOST = re.compile(r"failed calling webhook|getting credentials|x509:|certificate signed by|^error: EOF$")

# What a namespace may have is used up: no right makes room, but a job that goes does.
QUOTA = "Quota"
_EXCEEDED = re.compile(r"is forbidden: exceeded quota: ")

_REASONS = (
    (_EXCEEDED, QUOTA),
    (re.compile(r"^(?:error: )?error from server \((\w+)\)", re.MULTILINE | re.IGNORECASE), None),
    (
        re.compile(r"logged in to the server|\(Unauthorized\)|getting credentials|^error: EOF$"),
        "Unauthorized",
    ),
    (re.compile(r"^The \S+ .* is invalid:", re.MULTILINE), "Invalid"),
    (re.compile(r"no matches for kind|doesn't have a resource type"), "NoKind"),
    (re.compile(r'context "[^"]*" does not exist|context was not found'), "NoContext"),
)

_HINTS = {
    "Unauthorized": "Log in to the cluster again, for example with `gcloud container clusters get-credentials`, "
    "and try `kubectl get pods`.",
    "Forbidden": "Ask whoever looks after the cluster for the right; `kubectl auth can-i --list` shows what you may do.",
    QUOTA: "The quota of the namespace is used up: `kubectl describe quota` shows of what. "
    "Jobs count until they are deleted, those that have ended too.",
    "NoContext": "`kubectl config get-contexts` lists the contexts that there are.",
    "NoKind": "Install what runs this kind of job in the cluster; in a project of mx `devspace deploy` does that.",
}

# What kubectl logs for developers: "E1121 15:00:34.632311   11591 memcache.go:265] ..."
_KLOG = re.compile(r"^[EWIF]\d{4} \d\d:\d\d:\d\d\.\d+ .*\n?", re.MULTILINE)


class ClusterError(MxError):
    """The cluster, or kubectl, did not do it.

    Attributes:
        words: what kubectl printed.
        reason: Kubernetes' word for a refusal ("NotFound", "Forbidden", "AlreadyExists", "Invalid", ...),
            "Unauthorized", "NoKind", "NoContext", "Lost", `QUOTA`, or "" where there is no word for it.
        lost: the API server was not reached, so nobody knows whether it did what was asked.
    """

    def __init__(self, message: str, *, words: str = "", reason: str = "", hint: str | None = None) -> None:
        if missing := _NO_LOGIN.search(words):
            hint = (
                f"Install {missing[1]}, or put it on the PATH: by it the kubeconfig logs in. Or log in to the cluster again, which may "
                "name another."
            )
        super().__init__(message, hint=hint or _HINTS.get(reason))
        self.words = words
        self.reason = reason

    @property
    def lost(self) -> bool:
        """Whether the API server was not reached."""
        return self.reason == "Lost"


# The program of a login, as a kubeconfig's `exec` names it.
_NO_LOGIN = re.compile(r"getting credentials: exec: executable (\S+) not found")

# What is said for one that says nothing.
SILENT = "kubectl failed and said nothing."


def words(stderr: str) -> str:
    """What kubectl said to a person: its stderr without what it logs for developers, if anything is left then."""
    return _KLOG.sub("", stderr).strip() or stderr.strip() or SILENT


def reason(text: str, *, reached: bool) -> str:
    """Which kind of failure kubectl's words tell of, as in `ClusterError.reason`.

    Args:
        text: kubectl's words.
        reached: this API server has answered before. A login that worked a minute ago fails now because the network
            is away.
    """
    if "getting credentials" in text and reached:
        return "Lost"
    if _LOST.search(text) and not _NOT_LOST.search(text):
        return "Lost"
    for pattern, name in _REASONS:
        if match := pattern.search(text):
            return name or match[1]
    return ""
