#!/usr/bin/env bash
# Take down what Terraform made here.
#
#     ./destroy.sh               # all but what cannot be made again: the buckets and the database's disk or backups
#     ./destroy.sh --with-data   # those, too, for good
#
# `terraform destroy` alone stops half-way: at the protected cluster, and at buckets that are not empty; and it leaves the
# disks that Kubernetes made. Needs Terraform and the Google Cloud CLI, logged in as an owner of the cloud project.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

fail() {
  printf 'destroy.sh: %s\n' "$1" >&2
  exit 1
}

# The value of KEY = "VALUE" in FILE.
setting() {
  local value
  value=$(sed -n -E "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\"([^\"]+)\".*/\1/p" "$2" | head -n 1)
  [[ -n $value ]] || fail "there is no line '$1 = \"...\"' in $2."
  printf '%s\n' "$value"
}

case "${1-}" in
  "") with_data= ;;
  --with-data) with_data=yes ;;
  *) fail "$1 is not an option; there is --with-data." ;;
esac

for program in gcloud terraform; do
  command -v "$program" >/dev/null || fail "$program is not installed."
done

project=$(setting project_id terraform.tfvars)
name=$(setting name terraform.tfvars)
prefix=$(setting bucket_prefix terraform.tfvars)
state=$(setting bucket backend.tf)
buckets=("$prefix-artifacts" "$prefix-backups" "$prefix-data")

if [[ -n $with_data ]]; then
  printf 'This deletes the cluster %s, its database, and for good all objects in\n' "$name"
  printf '  gs://%s\n' "${buckets[@]}"
  read -r -p "Type the name of the project ($name) to go on: " answer || answer=
  [[ $answer == "$name" ]] || fail "nothing was changed."
fi

# The cluster, and the database where there is one, refuse to be deleted until they are told otherwise.
targets=(-target=google_container_cluster.main)
if [[ -e cloud_sql.tf ]]; then
  targets+=(-target=google_sql_database_instance.main)
fi
terraform apply -var deletion_protection=false "${targets[@]}"

if [[ -n $with_data ]]; then
  for bucket in "${buckets[@]}"; do
    gcloud storage rm --project "$project" --all-versions --recursive "gs://$bucket/**" ||
      printf 'Nothing was deleted from gs://%s: it has no objects, or the reason is above.\n' "$bucket"
  done
elif terraform state list | grep -q '^google_storage_bucket\.main\['; then
  # Forgotten, so that they stay. The README says how to take them up again.
  terraform state rm google_storage_bucket.main
fi

terraform destroy -var deletion_protection=false

# Kubernetes made these disks, so Terraform does not know them. Each says for which namespace.
disks=$(gcloud compute disks list --project "$project" --filter 'name ~ ^pvc-' \
  --format 'value(name,zone.basename(),description)')
disks=$(grep -F "\"kubernetes.io/created-for/pvc/namespace\":\"$name\"" <<<"$disks" | cut -f 1,2) || disks=

printf '\nDone. What is left in %s, and billed:\n' "$project"
if [[ -z $with_data ]]; then
  printf '  gs://%s\n' "${buckets[@]}"
fi
while read -r disk zone; do
  if [[ -z $disk ]]; then
    continue
  elif [[ -n $with_data ]]; then
    gcloud compute disks delete --quiet --project "$project" --zone "$zone" "$disk"
  else
    printf '  the disk %s in %s\n' "$disk" "$zone"
  fi
done <<<"$disks"
if [[ -e cloud_sql.tf ]]; then
  printf '  backups: gcloud sql backups list --project %s --instance %s\n' "$project" "$name"
fi
printf '  gs://%s, which holds the state\n' "$state"
