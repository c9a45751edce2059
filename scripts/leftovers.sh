#!/usr/bin/env bash
# leftovers.sh list: uncommitted files in this checkout, each with a digest of its content.
# leftovers.sh check FILE: fails when that differs from what `list` wrote to FILE, and shows which files are new or changed. A
# developer's own changes are in both lists.
set -euo pipefail
cd "${OPENSHELL_CHECKOUT:-$(dirname "$(readlink -f "$0")")/..}"

[ -e .git ] || { echo "leftovers: this is not a git checkout, nothing to compare" >&2; exit 0; }

list() {
  # A checkout that belongs to another user is read all the same: nothing in it is run.
  git -c safe.directory="$PWD" -c core.fsmonitor=false \
    status --porcelain -z --no-renames --untracked-files=all |
    while IFS= read -r -d '' line; do
      path=${line:3}
      digest=$([ ! -f "$path" ] || git hash-object --no-filters -- "$path")
      printf '%s %s\n' "$line" "$digest"
    done | LC_ALL=C sort
}

case ${1:-} in
  list) list ;;
  check)
    left=$(LC_ALL=C comm -13 "$2" <(list) | sed -E 's/ [0-9a-f]*$//')
    gone=$(LC_ALL=C comm -23 "$2" <(list) | sed -E 's/ [0-9a-f]*$//')
    [ -n "$left$gone" ] || exit 0
    echo "leftovers: this run changed the checkout; use a temporary folder instead:" >&2
    [ -z "$left" ] || sed 's/^/  now   /' <<<"$left" >&2
    [ -z "$gone" ] || sed 's/^/  before /' <<<"$gone" >&2
    exit 1
    ;;
  *) echo "usage: leftovers.sh list | check FILE" >&2; exit 2 ;;
esac
