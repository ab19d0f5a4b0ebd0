#!/usr/bin/env bash
# Before Terraform: switch on Google's services, and make the bucket that holds Terraform's state.
#
#     ./bootstrap.sh && terraform init
#
# A service refuses for some minutes after it was switched on, and whatever Terraform makes then fails. So all that the
# .tf files name are switched on here. Run it again when a generator has added a .tf file.
#
# Needs the Google Cloud CLI, logged in (`gcloud auth login`) as an owner of the cloud project. The
# project must exist and have billing enabled. Run it whenever you like: it changes only what is not as it should be.
# The names come from backend.tf and terraform.tfvars beside this script.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

fail() {
  printf 'bootstrap.sh: %s\n' "$1" >&2
  exit 1
}

# The value of KEY = "VALUE" in FILE.
setting() {
  local value
  value=$(sed -n -E "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\"([^\"]+)\".*/\1/p" "$2" | head -n 1)
  [[ -n $value ]] || fail "there is no line '$1 = \"...\"' in $2."
  printf '%s\n' "$value"
}

command -v gcloud >/dev/null || fail "gcloud is not installed: https://cloud.google.com/sdk/docs/install"

project=$(setting project_id terraform.tfvars)
region=$(setting region terraform.tfvars)
bucket=$(setting bucket backend.tf)

number=$(gcloud projects describe "$project" --format='value(projectNumber)') ||
  fail "gcloud cannot see the project $project. It must exist before: 'gcloud projects create $project', then link a billing account. Log in with 'gcloud auth login'."

# gcloud waits until they are on; it takes twenty at a time.
cat ./*.tf | tr ',' '\n' | sed -n -E '/^ *#/d; s/.*"([a-z]+\.googleapis\.com)".*/\1/p' | sort -u |
  xargs -n 20 gcloud services enable --project "$project"

if ! gcloud storage buckets describe "gs://$bucket" --format='value(name)' >/dev/null 2>&1; then
  gcloud storage buckets create "gs://$bucket" --project "$project" --location "$region" \
    --uniform-bucket-level-access --public-access-prevention
fi

# Names of buckets are shared by the whole world. State holds secrets: never give it to a stranger's bucket.
owner=$(gcloud storage buckets describe "gs://$bucket" --raw --format='value(projectNumber)')
[[ $owner == "$number" ]] ||
  fail "the bucket gs://$bucket belongs to another project (number $owner). Choose another name in backend.tf."

# Versions bring back a state that was damaged or deleted.
gcloud storage buckets update "gs://$bucket" --versioning --uniform-bucket-level-access --public-access-prevention

printf 'The state bucket gs://%s is ready. Next: terraform init\n' "$bucket"
