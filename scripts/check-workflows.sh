#!/usr/bin/env bash
# Checks .github/workflows with actionlint, which Go downloads and builds. Without Go the check is skipped,
# or fails with CI=true.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
if ! command -v go >/dev/null; then
  if [ "${CI:-}" = true ]; then
    echo "check-workflows: go is missing, which is an error with CI=true; install Go" >&2
    exit 1
  fi
  echo "check-workflows: go is missing, skipped"
  exit 0
fi
exec go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.7 -color=false .github/workflows/*.yml
