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

# asks NAME PATH SECONDS: whether the service answers PATH in that time
asks() { curl -fsS -m "$3" --unix-socket "$state/$1/podman.sock" "http://podman$2" >/dev/null 2>&1; }

answers() { asks "$1" /_ping 5; }

# works NAME: the service does not only answer but can look at its storage, which one that hangs on a lock cannot
works() { answers "$1" && { asks "$1" /v4.0.0/libpod/info 20 || asks "$1" /v4.0.0/libpod/info 20; }; }

# end_service NAME: ends it, a rootless one with the process that it runs in its user namespace
end_service() {
  local pid kids
  if alive "$1"; then
    pid=$(cat "$state/$1/service.pid")
    kids=$(pgrep -P "$pid" -x podman || true)
    kill "$pid"
    for _ in $(seq 50); do
      alive "$1" || break
      sleep 0.1
    done
    # shellcheck disable=SC2086 # a list of numbers
    kill -9 "$pid" $kids 2>/dev/null || true
  fi
  rm -f "$state/$1/service.pid" "$state/$1/podman.sock"
}
