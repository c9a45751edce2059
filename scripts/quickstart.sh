#!/usr/bin/env bash
# Sets up what is missing and runs the main job once: a sandbox on a real Docker engine, a command in it, its output
# and exit code, and the sandbox deleted. Announces what it installs. Leaves the gateway running; --once stops it.
#
# Environment: OPENSHELL_QUICKSTART_PORT (default 17670), OPENSHELL_QUICKSTART_IMAGE (default: an image built from
# files of this machine, so that no registry is needed), XDG_STATE_HOME.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

once=no
case "${1:-}" in
  '') ;;
  --once) once=yes ;;
  *) echo "usage: scripts/quickstart.sh [--once]" >&2; exit 2 ;;
esac

port=${OPENSHELL_QUICKSTART_PORT:-17670}
state=${XDG_STATE_HOME:-$HOME/.local/state}/openshell/quickstart
log=$state/gateway.log
step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
shown() { printf '$ %s\n' "$*"; "$@"; }
fail() { echo "quickstart: $*" >&2; exit 1; }

step "1. Node and packages"
command -v node >/dev/null || fail "install Node.js 20.20, 22.13 or later first (https://nodejs.org)"
node -e 'const [a, b] = process.versions.node.split(".").map(Number);
  process.exit((a === 20 && b >= 20) || (a === 22 && b >= 13) || a >= 24 ? 0 : 1)' ||
  fail "Node.js $(node -p process.version) is too old: 20.20, 22.13 or later is needed"
scripts/setup.sh

step "2. A Docker engine"
DOCKER_HOST=$(test/engines/docker/up) || fail "no Docker engine: see above for what to install or start"
export DOCKER_HOST
echo "an engine answers at $DOCKER_HOST"

step "3. Build"
shown npm run --silent build
shown node dist/main.js --version

step "4. A sandbox image"
image=${OPENSHELL_QUICKSTART_IMAGE:-}
if [ -z "$image" ]; then
  image=openshell-test:1
  echo "building the image $image and its variants from this machine's static busybox, if missing"
  test/engines/docker/image >/dev/null
fi

step "5. The gateway"
mkdir -p "$state"
export OPENSHELL_GATEWAY_ENDPOINT=http://127.0.0.1:$port
openshell() { node dist/cli/main.js "$@"; }
started=
if openshell status >/dev/null 2>&1; then
  echo "using the gateway at $OPENSHELL_GATEWAY_ENDPOINT"
else
  nohup node dist/main.js --drivers docker --port "$port" >"$log" 2>&1 </dev/null &
  started=$!
  stop() { kill "$started" 2>/dev/null || true; }
  trap stop EXIT
  for _ in $(seq 100); do
    openshell status >/dev/null 2>&1 && break
    kill -0 "$started" 2>/dev/null || { cat "$log" >&2; fail "the gateway ended; its log is above"; }
    sleep 0.1
  done
fi
shown openshell status

step "6. A sandbox"
name=hello-$(od -An -N3 -tx1 /dev/urandom | tr -d ' ')
shown openshell sandbox create --name "$name" --from "$image" --detach
shown openshell sandbox list

step "7. A command in it, and its output"
shown openshell sandbox exec -n "$name" -- sh -c 'echo "hello from $(hostname), as $(id)"'
code=0
shown openshell sandbox exec -n "$name" -- sh -c 'echo "this one fails on purpose" >&2; exit 42' || code=$?
echo "exit code: $code"
[ "$code" = 42 ] || fail "the exit code should have been 42"

step "8. The sandbox goes"
shown openshell sandbox delete "$name"
shown openshell sandbox list

if [ "$once" = yes ]; then
  echo
  echo "Done."
  exit 0
fi
trap - EXIT
cat <<END

Done. ${started:+The gateway runs on as process $started (log: $log); end it with: kill $started}

Go on with:
  export OPENSHELL_GATEWAY_ENDPOINT=$OPENSHELL_GATEWAY_ENDPOINT
  alias openshell='node $PWD/dist/cli/main.js'
  openshell sandbox create --name mine --from $image
  openshell sandbox connect mine
  openshell --help
END
