"""What Terraform and Google say when something does not work: a sentence for it, and the next command."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from mxdev.errors import SAYS_NO, MxError
from mxdev.infra import locks

Match = re.Match[str]


@dataclass(frozen=True)
class Failure:
    """A failure that is known.

    Attributes:
        kind: a word for it, such as "quota".
        sentence: what happened.
        remedy: what to do next, with the command.
    """

    kind: str
    sentence: str
    remedy: str


class TerraformFailed(MxError):
    """Terraform did not do it. `kind` is the failure's, or "" where it is none of the known ones."""

    def __init__(
        self, message: str, *, hint: str | None = None, kind: str = "", code: int | None = None
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.kind = kind


def _quota(text: str) -> Failure | None:
    short = re.findall(
        r"""(?i)insufficient\ regional\ quota\ to\ satisfy\ request(?:\ for\ resource)?:\ (?:resource\ )?"(\w+)".*?
            requires\ '([\d.]+)'\ and\ is\ short\ '([\d.]+)'""".replace("\n", "").replace("  ", ""),
        text,
        re.VERBOSE | re.DOTALL,
    )
    over = re.findall(r"Quota '(\w+)' exceeded\.\s+Limit: ([\d.]+)(?: in region ([\w-]+)| globally)?", text)
    lines = [f"{name}: {_number(need)} are needed, {_number(lacks)} too many" for name, need, lacks in short]
    lines += [
        f"{name}: the limit is {_number(limit)}" + (f" in {where}" if where else "")
        for name, limit, where in over
    ]
    if not lines:
        return None
    project = _first(r"[?&]project=([a-z0-9-]+)", text)
    page = "https://console.cloud.google.com/iam-admin/quotas" + (f"?project={project}" if project else "")
    knobs = list(
        dict.fromkeys(_KNOBS.get(name, "") for name in [*(n for n, *_ in short), *(n for n, *_ in over)])
    )
    lower = " or ".join(filter(None, knobs))
    return Failure(
        "quota",
        f"Google's quota does not suffice. {'; '.join(dict.fromkeys(lines))}.",
        f"Ask for more at {page}"
        + (f", or lower {lower} in terraform.tfvars" if lower else "")
        + "; then `mx infra plan`.",
    )


# What a project's own settings can do about a quota.
_KNOBS = {
    "CPUS": "system_nodes.machine_type",
    "CPUS_ALL_REGIONS": "system_nodes.machine_type",
    "SSD_TOTAL_GB": "the number of zones (zone = one of them)",
    "GPUS_ALL_REGIONS": "gpu_nodes.max",
    "NVIDIA_T4_GPUS": "gpu_nodes.max",
    "NVIDIA_L4_GPUS": "gpu_nodes.max",
    "NVIDIA_A100_GPUS": "gpu_nodes.max",
}


def _stockout(text: str) -> Failure | None:
    if not re.search(
        r"STOCKOUT|ZONE_RESOURCE_POOL_EXHAUSTED|does not have enough resources available to fulfill", text
    ):
        return None
    zones = list(dict.fromkeys(re.findall(r"zones/([a-z]+-[a-z]+\d+-[a-z])\b", text)))
    told = _first(r"zonesAvailable['\"]?\s*[:=]\s*['\"]?([a-z][a-z0-9, -]*\d-[a-z])", text)
    has = [zone for zone in re.split(r"[,\s]+", told or "") if zone]
    where = ", ".join(zones) or "the zone"
    if has:
        listed = ", ".join(f'"{zone}"' for zone in has)
        remedy = (
            f"There is capacity in {', '.join(has)}: write `gpu_nodes = {{ zones = [{listed}] }}` into terraform.tfvars if it is "
            f'the GPU nodes that failed, `zone = "{has[0]}"` for a new cluster; then `mx infra plan`.'
        )
    else:
        region = zones[0].rpartition("-")[0] if zones else "REGION"
        remedy = (
            f'Google does not say where there is capacity. `gcloud compute accelerator-types list --filter="zone~{region}"` lists '
            "the zones that have a GPU at all: name others in gpu_nodes.zones, or set gpu_nodes.spot, in terraform.tfvars; then "
            "`mx infra plan`. Or try again later: `mx infra plan`, `mx infra apply`."
        )
    return Failure("stockout", f"Google has no machine of this kind left in {where}.", remedy)


def _api(text: str) -> Failure | None:
    found = re.search(
        r"([\w -]+ API) has not been used in project (\S+) before or it is disabled|SERVICE_DISABLED", text
    )
    if not found:
        return None
    service = _first(r"apis/api/([a-z]+\.googleapis\.com)", text) or _first(
        r"\b([a-z]+\.googleapis\.com)\b", text
    )
    project = found[2] or _first(r"[?&]project=([a-z0-9-]+)", text) or "PROJECT"
    return Failure(
        "api",
        f"{(found[1] or service or 'A Google service').strip()} is not switched on in the project {project}, or was only a moment ago.",
        "`mx infra init` switches on all that the .tf files name"
        + (f"; this one: `gcloud services enable {service} --project {project}`" if service else "")
        + ". It takes some minutes; then `mx infra plan`.",
    )


def _taken(text: str) -> Failure | None:
    if "requested bucket name is not available" in text:
        return Failure(
            "name-taken",
            "The name of a bucket is taken: names of buckets are shared by the whole world.",
            "Choose another bucket_prefix in terraform.tfvars (for the state's bucket: in backend.tf); then `mx infra plan`.",
        )
    if not re.search(r"Error 409|AlreadyExists|already (?:exists|own it)|BucketAlreadyOwnedByYou", text):
        return None
    return Failure(
        "name-taken",
        "Something of that name is there already, and Terraform's state does not know it.",
        "If it is this project's, take it up: `terraform import ADDRESS ID` in infrastructure/terraform. If not, choose another name in "
        "terraform.tfvars. Then `mx infra plan`.",
    )


def _lock(text: str) -> Failure | None:
    if "state lock" not in text and ".tflock" not in text:
        return None
    lock = locks.parse(text)
    if lock is None:
        return Failure(
            "lock",
            "The state is locked, and its lock does not say by whom; it may be gone by now.",
            "Try again: `mx infra plan`.",
        )
    return Failure("lock", f"The state is locked: {lock.sentence()}", lock.remedy())


def _unlocked(text: str) -> Failure | None:
    """What `terraform force-unlock` says. A bucket's lock is an object, which is missing or of another generation."""
    if "Failed to unlock state" not in text:
        return None
    if re.search(r"not locked|object doesn't exist|Error 404", text):
        return Failure("unlocked", "The state is not locked.", "`mx infra plan` can go on.")
    if re.search(r"does not match existing lock|conditionNotMet|Error 412|should be numerical", text):
        return Failure(
            "other-lock",
            "The state's lock is another one, and is still there.",
            "`mx infra plan` says which it is, and who holds it.",
        )
    return None


def _deletion(text: str) -> Failure | None:
    if not re.search(r"deletion_protection(?:_enabled)? is set to true|prevent_destroy", text):
        return None
    if "prevent_destroy" in text:
        return Failure(
            "protected",
            "A resource must not be destroyed: `prevent_destroy` in a .tf file says so.",
            "If it has to go, take that line out; then `mx infra plan`.",
        )
    return Failure(
        "protected",
        "It is protected from being deleted (deletion_protection).",
        "To take all of it down: `mx infra destroy`, which lifts that first. For this change alone: write "
        "`deletion_protection = false` into terraform.tfvars, `mx infra plan`, `mx infra apply`, and then the change again.",
    )


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1] if found else None


def _number(text: str) -> str:
    return text.removesuffix(".0")


def _plain(kind: str, pattern: str, sentence: str, remedy: str) -> Callable[[str], Failure | None]:
    def known(text: str) -> Failure | None:
        found = re.search(pattern, text)
        return Failure(kind, found.expand(sentence), remedy) if found else None

    return known


# The first that knows a text answers: those with the narrower words stand before those with the wider ones.
_KNOWN: tuple[Callable[[str], Failure | None], ...] = (
    _unlocked,
    _lock,
    _plain(
        "login",
        r"invalid_grant|invalid_rapt|rapt_required|could not find default credentials"
        r"|token expired and refresh token is not set|Error 401|Request had invalid authentication credentials",
        "You are not logged in to Google, or the login has expired.",
        "`gcloud auth application-default login`, then again.",
    ),
    _plain(
        "login",
        r"ExpiredToken|No valid credential sources found|InvalidClientTokenId",
        "You are not logged in to AWS, or the login has expired.",
        "`aws sso login`, or new keys; then again.",
    ),
    _api,
    _quota,
    _stockout,
    _deletion,
    _plain(
        "stale",
        r"Saved plan is stale",
        "The state has changed since the plan was made, so the plan does not fit any more. Nothing was done.",
        "`mx infra plan` makes a new one.",
    ),
    _plain(
        "no-bucket",
        r"bucket doesn't exist|storage: bucket does not exist|NoSuchBucket",
        "The bucket for Terraform's state does not exist.",
        "`mx infra init` makes it.",
    ),
    _plain(
        "backend-changed",
        r"may require migrating existing state",
        "backend.tf names another place for the state than the one that is in use here.",
        "In infrastructure/terraform: `terraform init -migrate-state` moves the state there, `terraform init -reconfigure` takes what is "
        "there already.",
    ),
    _plain(
        "not-initialized",
        r"(?i)backend initialization required|module not installed|required plugins are not installed|inconsistent dependency lock file"
        r"|missing required provider|could not load plugin|backend configuration (?:changed|block has changed)",
        "Terraform is not initialized here, or was for other providers, modules or another backend.",
        "`mx infra init`",
    ),
    _plain(
        "terraform-version",
        r"Unsupported Terraform Core version",
        "This Terraform is not of a version that versions.tf allows.",
        "Install one that is: https://developer.hashicorp.com/terraform/install",
    ),
    _plain(
        "billing",
        r"(?i)billing (?:account|must be enabled|is disabled|to be enabled)[^\n]*",
        "The cloud project has no billing account.",
        "`gcloud billing projects link PROJECT --billing-account ACCOUNT`; `gcloud billing accounts list` lists them.",
    ),
    _plain(
        "permission",
        r"(?:[Rr]equired '?|[Pp]ermission '?)([a-z]+\.[a-zA-Z.]+)'?(?: permission| denied)",
        r"You lack the right \1.",
        "Ask an owner of the cloud project for a role that has it.",
    ),
    _taken,
    _plain(
        "network",
        r"no such host|network is unreachable|connection refused|i/o timeout|TLS handshake timeout",
        "The network is away: a server could not be reached.",
        "Look at the network and the VPN, then again: `mx infra plan` shows what is left to do.",
    ),
)


def known(text: str) -> Failure | None:
    """What is known of a failure by its words; None: nothing."""
    return next((failure for look in _KNOWN if (failure := look(text))), None)


def error(doing: str, texts: list[str], *, code: int = 0) -> TerraformFailed:
    """The error for what Terraform said.

    Args:
        doing: what was being done, such as "terraform plan".
        texts: its messages, each with the address it is about, if any.
        code: Terraform's exit code, for when it said nothing.
    """
    failures = [failure for text in texts if (failure := known(text))]
    said = "\n".join(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if not said:
        return TerraformFailed(f"`{doing}` failed (exit code {code}) and said nothing.")
    if not failures:
        return TerraformFailed(f"`{doing}` failed:\n{said}")
    once = list(dict.fromkeys(failures))
    return TerraformFailed(
        " ".join(dict.fromkeys(failure.sentence for failure in once)) + f"\n\n`{doing}` said:\n{said}",
        hint="\n".join(dict.fromkeys(failure.remedy for failure in once)),
        kind=once[0].kind,
        code=SAYS_NO if once[0].kind in ("lock", "unlocked", "other-lock", "stale", "protected") else None,
    )
