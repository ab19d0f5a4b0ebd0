"""AWS, with the login that boto3 finds, and its refusals as errors for a person."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mxdev.errors import MxError

_LOGIN = ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException")
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


@functools.cache
def client(service: str, region: str | None) -> Any:
    """A client of a service of AWS, made once: that takes a second; `region` None is what the environment or the profile says.

    Raises:
        MxError: there is no such profile, or no region is known.
    """
    import boto3
    from botocore.config import Config

    limits = Config(connect_timeout=10, read_timeout=30, retries={"max_attempts": 3})
    with told():
        # boto3 itself reads AWS_DEFAULT_REGION only.
        session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
        return session.client(service, config=limits)


@contextmanager
def told() -> Iterator[None]:
    """What AWS refuses, as an error that says what to do.

    Raises:
        MxError: there is no login, it has expired, it may not, or AWS could not be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        yield
    except NoCredentialsError as error:
        raise MxError(
            "There is no login to AWS here.", hint="Log in: `aws sso login`, or set AWS_PROFILE."
        ) from error
    except NoRegionError as error:
        raise MxError("No AWS region is known.", hint="Give --region, or set AWS_REGION.") from error
    except ClientError as error:
        raise _refusal(error) from error
    except BotoCoreError as error:
        raise MxError(f"AWS could not be reached: {error}") from error


def code_of(error: Any) -> str:
    """The code of an error of AWS, such as "ValidationException"."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _refusal(error: Any) -> MxError:
    code = code_of(error)
    if code in _LOGIN:
        return MxError(f"AWS does not take the login ({code}).", hint="Log in again: `aws sso login`.")
    if code in _DENIED:
        return MxError(
            f"AWS does not allow it: {error.response['Error'].get('Message', code)}",
            hint="Ask the platform's owners for the group of developers, or use another AWS_PROFILE.",
        )
    return MxError(f"AWS refuses: {error}")
