#!/bin/sh
# Onboard the models whose values changed since a commit: onboard.sh COMMIT [OPTION]...
set -eu
since=$1
shift
if ! git cat-file -e "$since^{commit}" 2>/dev/null; then
  # The first commit of a branch has none before it: all values are new.
  since=$(git hash-object -t tree /dev/null)
fi
git -c core.quotePath=false diff --no-renames --name-only --diff-filter=AM "$since" HEAD -- 'values/*.yml' >.changed
# What is wrong with one model is no reason to leave the others: no later commit would bring them.
failed=0
while IFS= read -r values; do
  echo "== $values"
  mx onboard "$values" "$@" || failed=$?
done <.changed
rm .changed
exit "$failed"
