#!/usr/bin/env bash
# Installs the npm packages of the lock file, unless they are already installed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
stamp=node_modules/.openshell-lock
if [ -d node_modules ] && cmp -s package-lock.json "$stamp"; then
  echo "the packages are already installed"
  exit 0
fi
command -v npm >/dev/null || { echo "setup: npm is missing; it comes with Node.js" >&2; exit 1; }
echo "installing the npm packages of package-lock.json into node_modules (npm ci)"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
# The other Node releases are for cells and packaging; npm scripts run on npm's own Node.
rm -f node_modules/.bin/node
cp package-lock.json "$stamp"
