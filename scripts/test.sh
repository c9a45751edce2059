#!/usr/bin/env bash
# Sets up and runs the tests. Engines that are not there are skipped with the reason; test/engines/<engine>/up starts
# them, and OPENSHELL_REQUIRE_ENGINES makes a missing one a failure.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
scripts/setup.sh
exec npm test --silent -- "$@"
