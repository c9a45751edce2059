#!/usr/bin/env bash
# Sets up and runs the tests. Tests of missing engines are skipped with the reason; test/engines/<engine>/up starts
# them, and OPENSHELL_REQUIRE_ENGINES makes a missing one a failure. OPENSHELL_COVERAGE=1 also counts the lines of src/
# that the tests run, and fails below the threshold.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
scripts/setup.sh
script=test
[ -z "${OPENSHELL_COVERAGE:-}" ] || script=coverage
exec npm run "$script" --silent -- "$@"
