"""A bucket that keeps versions: streams go in and out in parts, and the object's own headers say what it is.

A version is one object of S3 and nothing else, so that it is there whole or not at all. What does not fit into its headers (S3 allows
2 KB) lies beside it under its own hash, and is stored first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from mxdev_saver.errors import Changed, Damaged, NotFound, NotVersioned, SaverError
from mxdev_saver.kinds import FILE
from mxdev_saver.model import Version

ASIDE = ".saver/"
_INLINE = 1200
_CHUNK = 1 << 20
_COPY_PART = 1 << 30
_COPY_WHOLE = 5 << 30
_IN_FLIGHT = 4


@dataclass(frozen=True)
class Listed:
    """What a listing says of a version."""

    filename: str
    id: str
    size: int
    stored: datetime
    latest: bool


class Bucket:
    """The files below `prefix` in a bucket.

    Args:
        client: boto3's client of S3.
        name: of the bucket.
        prefix: what all keys begin with; empty, or ends in `/`.
        part_size: files above this many bytes go in parts of it, at most four in memory; S3 wants 5 MiB or more.
    """

    def __init__(self, client: Any, name: str, prefix: str, part_size: int) -> None:
        self.client = client
        self.name = name
        self.prefix = prefix
        self.part_size = part_size
        self._checked = False

    def check(self) -> None:
        """Ask once whether the bucket keeps versions.

        Raises:
            NotVersioned: it does not.
        """
        if not self._checked:
            try:
                state = self.client.get_bucket_versioning(Bucket=self.name).get("Status")
            except self.client.exceptions.ClientError as error:
                self._no_bucket(error)
                raise
            if state != "Enabled":
                raise NotVersioned(
                    f"the bucket {self.name} keeps no versions, so a second put would replace the first. Switch it on: "
                    f"aws s3api put-bucket-versioning --bucket {self.name} --versioning-configuration Status=Enabled"
                )
            self._checked = True

    def _no_bucket(self, error: Any) -> None:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise NotFound(
                f"there is no bucket {self.name}: see SAVER_BUCKET, or the name given to use(), and whose account is logged in"
            ) from error

    def put(
        self, filename: str, file: IO[bytes], kind: str, metadata: Mapping[str, Any], expect: str | None
    ) -> str:
        """Store what `file` holds from its start; returns the id of the version.

        Args:
            expect: the id of what must be the latest version, `""` for none; None for no condition.

        Raises:
            Changed: the latest version is another one, or the file changed while it was being read.
        """
        self.check()
        sha256, size = _digest(file)
        arguments = {"Bucket": self.name, "Key": self.prefix + filename}
        headers = self._headers(kind, sha256, metadata)
        condition = self._condition(filename, expect)
        try:
            if size <= self.part_size:
                file.seek(0)
                body = file.read()
                if hashlib.sha256(body).hexdigest() != sha256:
                    raise Changed(f"{filename} changed while it was being read; nothing was stored")
                done = self.client.put_object(Body=body, Metadata=headers, **arguments, **condition)
                return str(done["VersionId"])
            return self._in_parts(filename, file, sha256, headers, condition)
        except self.client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise Changed(
                    f"{filename} has another latest version than the one you expect: get it again, and decide anew"
                ) from error
            raise

    def _condition(self, filename: str, expect: str | None) -> dict[str, str]:
        if expect is None:
            return {}
        if not expect:
            return {"IfNoneMatch": "*"}
        # S3 compares hashes of the content, and equal content of another version would pass: compare the ids too.
        latest = self._call("head_object", filename, None)
        if latest["VersionId"] != expect:
            raise Changed(f"{filename} has the latest version {latest['VersionId']}, not {expect}")
        return {"IfMatch": latest["ETag"]}

    def _in_parts(
        self, filename: str, file: IO[bytes], sha256: str, headers: dict[str, str], condition: dict[str, str]
    ) -> str:
        where = {"Bucket": self.name, "Key": self.prefix + filename}
        upload = self.client.create_multipart_upload(Metadata=headers, **where)["UploadId"]
        try:
            digest = hashlib.sha256()
            parts: list[dict[str, Any]] = []
            with ThreadPoolExecutor(_IN_FLIGHT) as pool:
                running: set[Future[dict[str, Any]]] = set()

                def send(number: int, body: bytes) -> dict[str, Any]:
                    answer = self.client.upload_part(UploadId=upload, PartNumber=number, Body=body, **where)
                    return {"PartNumber": number, "ETag": answer["ETag"]}

                file.seek(0)
                number = 0
                while body := file.read(self.part_size):
                    digest.update(body)
                    number += 1
                    if len(running) == _IN_FLIGHT:
                        done, running = wait(running, return_when=FIRST_COMPLETED)
                        parts += [future.result() for future in done]
                    running.add(pool.submit(send, number, body))
                parts += [future.result() for future in running]
            if digest.hexdigest() != sha256:
                raise Changed(f"{filename} changed while it was being read; nothing was stored")
            parts.sort(key=lambda part: part["PartNumber"])
            done_ = self.client.complete_multipart_upload(
                UploadId=upload, MultipartUpload={"Parts": parts}, **where, **condition
            )
            return str(done_["VersionId"])
        except BaseException:
            self.client.abort_multipart_upload(UploadId=upload, **where)
            raise

    def _headers(self, kind: str, sha256: str, metadata: Mapping[str, Any]) -> dict[str, str]:
        try:
            text = json.dumps(metadata, separators=(",", ":"), sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise SaverError(f"metadata must be what JSON can say: {error}") from error
        # Signatures fold spaces that follow each other, so none goes into a header.
        text = text.replace(" ", "\\u0020")
        headers = {"saver-kind": kind, "saver-sha256": sha256}
        if len(text) <= _INLINE:
            return {**headers, "saver-metadata": text}
        name = hashlib.sha256(text.encode()).hexdigest()
        self.client.put_object(Bucket=self.name, Key=self._aside(name), Body=text.encode())
        return {**headers, "saver-metadata-at": name}

    def _aside(self, name: str) -> str:
        return f"{self.prefix}{ASIDE}metadata/{name}.json"

    def about(self, filename: str, version: str | None, *, latest: bool, lost: bool = False) -> Version:
        """What the headers of a version say (None: of the latest).

        Args:
            lost: whether metadata that is damaged or gone counts as none.

        Raises:
            NotFound: there is no such version.
            Damaged: the metadata is not what was stored.
        """
        return self._version(filename, self._call("head_object", filename, version), latest, lost=lost)

    def _version(self, filename: str, answer: Mapping[str, Any], latest: bool, *, lost: bool) -> Version:
        said = answer["Metadata"]
        try:
            metadata = self._metadata(filename, said)
        except Damaged:
            if not lost:
                raise
            metadata = {}
        return Version(
            filename=filename,
            # S3 names none where a bucket has never kept versions; "null" is what it calls that one later.
            id=answer.get("VersionId", "null"),
            size=answer["ContentLength"],
            stored=answer["LastModified"],
            kind=said.get("saver-kind", FILE),
            sha256=said.get("saver-sha256", ""),
            metadata=metadata,
            latest=latest,
        )

    def _metadata(self, filename: str, said: Mapping[str, str]) -> dict[str, Any]:
        """Damaged if it is not what `put` writes: another writer's header, or an object beside it that is gone."""
        text, where = said.get("saver-metadata", "{}"), "its headers"
        if name := said.get("saver-metadata-at"):
            where = self._aside(name)
            try:
                raw = self.client.get_object(Bucket=self.name, Key=where)["Body"].read()
            except self.client.exceptions.NoSuchKey as error:
                raise Damaged(
                    f"the metadata of {filename} is gone: there is no {where} in {self.name}"
                ) from error
            if hashlib.sha256(raw).hexdigest() != name:
                raise Damaged(f"the metadata of {filename} in {where} is not what was stored")
            text = raw.decode()
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Damaged(f"the metadata of {filename} in {where} is not what put() writes")
        return found

    def read(self, filename: str, version: str | None, target: IO[bytes]) -> Version:
        """Write a version's bytes (None: the latest's) to `target`, piece by piece, and compare their hash with the stored one.

        Raises:
            NotFound: there is no such version.
            Damaged: the bytes are not those that were stored.
        """
        answer = self._call("get_object", filename, version)
        found = self._version(filename, answer, version is None, lost=True)
        digest, size = hashlib.sha256(), 0
        for chunk in answer["Body"].iter_chunks(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            target.write(chunk)
        if size != found.size or (found.sha256 and digest.hexdigest() != found.sha256):
            raise Damaged(
                f"{filename}, version {found.id}, is not what was stored: its SHA-256 is {digest.hexdigest()}, and was "
                f"{found.sha256 or 'not noted'}. Read again; if that changes nothing, restore an earlier version."
            )
        return found

    def _call(self, name: str, filename: str, version: str | None) -> Any:
        asked = {"Bucket": self.name, "Key": self.prefix + filename}
        if version is not None:
            asked["VersionId"] = version
        try:
            return getattr(self.client, name)(**asked)
        except self.client.exceptions.ClientError as error:
            self._no_bucket(error)
            if error.response["Error"]["Code"] in (
                "NoSuchKey", "NoSuchVersion", "404", "405", "MethodNotAllowed", "InvalidArgument",
            ):  # fmt: skip
                what = "no such file" if version is None else f"no version {version} of it"
                raise NotFound(
                    f"{filename}: {what} in s3://{self.name}/{self.prefix}; versions({filename!r}) lists what there is"
                ) from error
            raise

    def versions(self, filename: str | None = None) -> Iterator[Listed]:
        """All versions of a file, or of all files; of each file the newest first."""
        self.check()
        pages = self.client.get_paginator("list_object_versions").paginate(
            Bucket=self.name, Prefix=self.prefix + (filename or "")
        )
        for page in pages:
            for one in page.get("Versions", ()):
                name = one["Key"][len(self.prefix) :]
                if name.startswith(ASIDE) or (filename is not None and name != filename):
                    continue
                yield Listed(name, one["VersionId"], one["Size"], one["LastModified"], one["IsLatest"])

    def copy(self, old: Version) -> str:
        """Make a copy of an old version the latest; returns its id. S3 copies, nothing comes here."""
        where = {"Bucket": self.name, "Key": self.prefix + old.filename}
        source = {**where, "VersionId": old.id}
        headers = self._headers(old.kind, old.sha256, old.metadata)
        if old.size < _COPY_WHOLE:
            done = self.client.copy_object(
                CopySource=source, MetadataDirective="REPLACE", Metadata=headers, **where
            )
            return str(done["VersionId"])
        upload = self.client.create_multipart_upload(Metadata=headers, **where)["UploadId"]
        try:
            parts = []
            for number, start in enumerate(range(0, old.size, _COPY_PART), 1):
                end = min(start + _COPY_PART, old.size) - 1
                answer = self.client.upload_part_copy(
                    CopySource=source, CopySourceRange=f"bytes={start}-{end}", PartNumber=number, UploadId=upload, **where
                )  # fmt: skip
                parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
            done = self.client.complete_multipart_upload(
                UploadId=upload, MultipartUpload={"Parts": parts}, **where
            )
            return str(done["VersionId"])
        except BaseException:
            self.client.abort_multipart_upload(UploadId=upload, **where)
            raise

    def delete(self, filename: str) -> None:
        """Hide a file; its versions stay, and one of them can be restored.

        Raises:
            NotFound: there is no such file.
        """
        self.check()
        self._call("head_object", filename, None)
        self.client.delete_object(Bucket=self.name, Key=self.prefix + filename)


def _digest(file: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size
