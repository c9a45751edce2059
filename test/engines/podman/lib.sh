# Shared by up and down. Everything lives under $state, apart from the test user and the packages.
state=${OPENSHELL_TEST_STATE:-/tmp/openshell-test}/podman
user=openshell-test
config=$state/containers.conf

say() { echo "podman: $*" >&2; }

# alive NAME: the service of this name runs (its pid file names a podman, not a number that came back as another program)
alive() {
  local pid
  pid=$(cat "$state/$1/service.pid" 2>/dev/null) || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = podman ]
}

# engine NAME: puts the command line of this engine, with storage of its own, into the array podman
engine() {
  podman=(env "CONTAINERS_CONF=$config" "CONTAINERS_REGISTRIES_CONF=$state/registries.conf" "XDG_RUNTIME_DIR=$state/$1/runtime" "HOME=$state/$1/home" "PATH=$PATH"
    podman --root "$state/$1/storage" --runroot "$state/$1/run")
  if [ "$1" = rootless ] && [ "$(id -u)" = 0 ]; then
    podman=(setpriv --reuid "$user" --regid "$user" --init-groups --reset-env -- "${podman[@]}")
  fi
}

answers() { curl -fsS -m 5 --unix-socket "$state/$1/podman.sock" http://podman/_ping >/dev/null 2>&1; }
