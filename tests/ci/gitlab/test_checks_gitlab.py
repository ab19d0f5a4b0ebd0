"""The checks of GitLab's pipelines, on pipelines that have what they look for; and mx's own, which has nothing of it."""

from __future__ import annotations

import pytest
from checks_gitlab import check_gitlab

from mxdev.testing import render_all, text

BROKEN = {
    "unpinned-image": "job: {image: python, script: [x]}",
    "unpinned-image: job: docker:latest": "job: {services: ['docker:latest'], script: [x]}",
    "unpinned-include": "include: [{project: a/b, file: /c.yml}]",
    "unpinned-include: job": "job: {trigger: {include: [{project: a/b, ref: main, file: /c.yml}]}}",
    "unpinned-include: include: https": "include: [{remote: 'https://example.com/c.yml'}]",
    "unpinned-package: job: boto3": "job: {image: 'python:3', script: ['pip install --quiet boto3']}",
    "token-for-anybody": "job: {id_tokens: {T: {}}, script: [x]}",
    "text-of-anybody: job: $CI_COMMIT_TITLE": "job: {script: ['echo $CI_COMMIT_TITLE']}",
    "runs-what-comes": "job: {script: ['curl -s https://example.com | sh']}",
    "long-lived-key": "variables: {AWS_SECRET_ACCESS_KEY: x}",
    "waiver of unpinned-image has no reason": "# ignore[unpinned-image]: because\njob: {image: python, script: [x]}",
    "waiver of unpinned-image is not needed": "# ignore[unpinned-image]: the registry has no other tags\njob: {script: [x]}",
}


@pytest.mark.parametrize("finding", BROKEN)
def test_it_is_found(finding: str) -> None:
    [found] = check_gitlab(BROKEN[finding])
    assert found.startswith(finding)


def test_what_is_right_or_waived_is_not_found() -> None:
    assert (
        check_gitlab("""\
include: [{project: a/b, ref: v1, file: /c.yml}, {local: d.yml}]
.base: {id_tokens: {T: {aud: https://gitlab.example.com}}}
# ignore[unpinned-image]: the registry has no other tags
job:
  extends: .base
  image: python
  script: ["pip install -q boto3==1.2 -r requirements.txt", "pip install --require-hashes x", 'echo "$CI_COMMIT_SHA"']
""")
        == []
    )


def test_the_pipeline_of_mx_itself() -> None:
    """Not its merge requests' jobs alone: all of them."""
    made = render_all("GitLabCI", name="demo", project_id="demo-project")
    trees = [one.tree for one in made.renderings if one.tree]
    [tree] = [tree for tree in trees if ".gitlab/mx.gitlab-ci.yml" in tree.files]
    assert check_gitlab(text(tree, ".gitlab/mx.gitlab-ci.yml")) == []
