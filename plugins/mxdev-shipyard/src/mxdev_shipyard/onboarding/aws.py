"""What a model has in AWS: its registry and its place in the bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mxdev import State, Step
from mxdev.errors import MxError

OWNER = "shipyard:author"
# What has a tag stays: any of it may be released, or gone back to.
LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "Untagged images end after two weeks.",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 14,
            },
            "action": {"type": "expire"},
        }
    ]
}


def client(service: str, region: str) -> Any:
    """A client of AWS, with the credentials and the endpoint of the environment."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service, region_name=region, config=Config(connect_timeout=10, retries={"max_attempts": 3})
    )


@contextmanager
def told() -> Iterator[None]:
    """What AWS refuses, as an error for a person."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError as error:
        raise MxError(
            "AWS knows no credentials here.", hint="Log in: `aws sso login`, or set AWS_PROFILE."
        ) from error
    except (ClientError, BotoCoreError) as error:
        raise MxError(f"AWS refuses: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Registry(Step):
    """A repository of ECR whose tags never change."""

    repository: str
    region: str
    author: str
    permissions: tuple[str, ...] = ("ecr:CreateRepository", "ecr:PutLifecyclePolicy", "ecr:TagResource")

    def look(self) -> State:
        """Whether it is there, this author's, immutable, with its policy."""
        with told():
            found = self._found()
            if found is None:
                return State.create(f"{self.repository} in {self.region}")
            ecr = client("ecr", self.region)
            tags = {
                tag["Key"]: tag["Value"]
                for tag in ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
            }
            if tags.get(OWNER) != self.author:
                return State.blocked(
                    f"{self.repository} exists already, for {tags.get(OWNER, 'somebody who did not onboard it')}.",
                    "Choose another project_slug.",
                )
            lacks = [] if found["imageTagMutability"] == "IMMUTABLE" else ["its tags can change"]
            if self._policy() != LIFECYCLE:
                lacks.append("it has another lifecycle policy")
            return State.change("; ".join(lacks)) if lacks else State.done(found["repositoryUri"])

    def do(self, say: Any) -> None:
        """Make it; what another run has just made is taken as it is, and looked at again."""
        with told():
            ecr = client("ecr", self.region)
            if self._found() is None:
                try:
                    ecr.create_repository(
                        repositoryName=self.repository,
                        imageTagMutability="IMMUTABLE",
                        imageScanningConfiguration={"scanOnPush": True},
                        tags=[{"Key": OWNER, "Value": self.author}],
                    )
                except ecr.exceptions.RepositoryAlreadyExistsException:
                    say("another run has just made it")
                    if self.look().verb == "blocked":
                        return
            ecr.put_image_tag_mutability(repositoryName=self.repository, imageTagMutability="IMMUTABLE")
            ecr.put_lifecycle_policy(
                repositoryName=self.repository, lifecyclePolicyText=json.dumps(LIFECYCLE)
            )

    def take_back(self, say: Any) -> None:
        """Delete it with its images."""
        with told():
            client("ecr", self.region).delete_repository(repositoryName=self.repository, force=True)

    def _found(self) -> Any:
        ecr = client("ecr", self.region)
        try:
            return ecr.describe_repositories(repositoryNames=[self.repository])["repositories"][0]
        except ecr.exceptions.RepositoryNotFoundException:
            return None

    def _policy(self) -> Any:
        ecr = client("ecr", self.region)
        try:
            return json.loads(ecr.get_lifecycle_policy(repositoryName=self.repository)["lifecyclePolicyText"])
        except ecr.exceptions.LifecyclePolicyNotFoundException:
            return None


@dataclass(frozen=True, kw_only=True)
class Prefix(Step):
    """A place in the bucket, such as `deploy-iris-model/models/`."""

    bucket: str
    prefix: str
    region: str
    permissions: tuple[str, ...] = ("s3:ListBucket", "s3:PutObject")

    def look(self) -> State:
        """Whether something is there."""
        with told():
            s3 = client("s3", self.region)
            try:
                found = s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=1)
            except s3.exceptions.NoSuchBucket:
                return State.blocked(
                    f"there is no bucket {self.bucket}",
                    "Ask the platform team for it, or correct shipyard.yaml.",
                )
            address = f"s3://{self.bucket}/{self.prefix}"
            return State.done(address) if found.get("KeyCount") else State.create(address)

    def do(self, say: Any) -> None:
        """Put an empty object there."""
        with told():
            client("s3", self.region).put_object(Bucket=self.bucket, Key=self.prefix)

    def take_back(self, say: Any) -> None:
        """Delete all that is there."""
        with told():
            s3 = client("s3", self.region)
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix):
                keys = [{"Key": item["Key"]} for item in page.get("Contents", ())]
                if keys:
                    s3.delete_objects(Bucket=self.bucket, Delete={"Objects": keys})
