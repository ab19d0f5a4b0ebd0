"""The values that several generators ask, and what they must look like."""

from __future__ import annotations

from mxdev.generator import Pattern

PLATFORM = Pattern(
    r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){2,17}",
    "3 to 18 lower-case letters, digits and single dashes, and begin with a letter",
    metavar="NAME",
)
# A squad and an experiment are parts of a bucket's name, which has 63 letters: platform-squad-experiment-account.
PART = Pattern(
    r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){1,14}",
    "2 to 15 lower-case letters, digits and single dashes, and begin with a letter",
    metavar="NAME",
)
PIPELINE = Pattern(
    r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){1,39}",
    "2 to 40 lower-case letters, digits and single dashes, and begin with a letter",
    metavar="NAME",
)
REGION = Pattern(r"[a-z]{2}(?:-[a-z]+){1,2}-[0-9]", "a region, such as eu-central-1", metavar="REGION")
HOST = Pattern(
    r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+",
    "a host's name, such as ml.acme.example",
    metavar="HOST",
)
URL = Pattern(r"https://[A-Za-z0-9][A-Za-z0-9.-]*", "https:// and the name of the server", metavar="URL")
GROUP = Pattern(
    r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*",
    "a group's path on GitLab, such as acme/ml",
    metavar="GROUP",
)
PROJECT = Pattern(
    r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)+",
    "a project's path on GitLab, such as acme/ml/deployments",
    metavar="GROUP/PROJECT",
)
ACCOUNT = Pattern(r"[0-9]{12}", "the 12 digits of an AWS account", metavar="ACCOUNT")
ZONE = Pattern(r"[A-Za-z_]+(?:/[A-Za-z0-9_+-]+){0,2}", "a time zone, such as Europe/Prague", metavar="ZONE")
BRANCH = Pattern(r"[A-Za-z0-9][A-Za-z0-9._/-]*", "a branch's name", metavar="BRANCH")
