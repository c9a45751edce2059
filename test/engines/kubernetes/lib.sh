# Sourced by every script here: where things are, and what they share.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STATE=${OPENSHELL_TEST_STATE:-/tmp/openshell-test}/kubernetes
KUBERNETES_VERSION=$(awk '$1 == "k8s.io/kubernetes" { print substr($2, 2) }' "$HERE/cluster/go.mod")
# What takes long to make is kept outside the repository, under a key of its sources.
CACHE=${OPENSHELL_CACHE:-$HOME/.cache/openshell}/kubernetes
key() { (cd "$HERE" && cat "$@" | sha256sum | cut -c1-16); }
BIN=$CACHE/bin-$(key cluster/go.mod cluster/go.sum cluster/main.go)
IMAGES=$CACHE/images-$(key images/make images/pack images/pause/main.go)

PKI=$STATE/pki
CONF=$STATE/conf
RUN=$STATE/run
LOG=$STATE/log
VOLUMES=$STATE/volumes

IP=10.244.0.1 # of the bridge: API server, kubelet and node
POD_CIDR=10.244.0.0/24
SERVICE_CIDR=10.96.0.0/16
NODE=testnode
BRIDGE=cni0
CONTAINERD=$RUN/containerd/containerd.sock
ETCD=http://127.0.0.1:12379

export PATH=$BIN:$PATH KUBECONFIG=$PKI/admin.conf

# go_tool PACKAGE VERSION: builds a program of a Go module once, and prints its path.
go_tool() {
  local folder=$CACHE/tools/$(basename "$1")-$2
  if [ ! -x "$folder/$(basename "$1")" ]; then
    say "building $1 $2" >&2
    GOFLAGS= CGO_ENABLED=0 GOTOOLCHAIN=local GOBIN=$folder go install -p "${GO_BUILD_JOBS:-2}" "$1@$2" >&2
  fi
  echo "$folder/$(basename "$1")"
}

say() { echo "kubernetes: $*"; }

# Where process 1 reaps late, a zombie stays for seconds after its end.
alive() { [ -n "${1:-}" ] && [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

running() { [ -f "$RUN/$1.pid" ] && alive "$(cat "$RUN/$1.pid")"; }

start() { # name command...
  local name=$1
  shift
  ! running "$name" || return 0
  # `up` holds 8 and 9, which a daemon must not inherit.
  setsid nohup "$@" >> "$LOG/$name.log" 2>&1 < /dev/null 8>&- 9>&- &
  echo $! > "$RUN/$name.pid"
}

stop() { # name [signal]
  local pid
  [ -f "$RUN/$1.pid" ] || return 0
  pid=$(cat "$RUN/$1.pid")
  if alive "$pid"; then
    kill -CONT "$pid" 2>/dev/null || true
    kill "-${2:-TERM}" "$pid" 2>/dev/null || true
    for _ in $(seq 200); do
      alive "$pid" || break
      sleep 0.05
    done
    ! alive "$pid" || kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$RUN/$1.pid"
}

wait_for() { # seconds process command...
  local end=$(($(date +%s) + $1)) name=$2
  shift 2
  until "$@" > /dev/null 2>&1; do
    if [ -f "$RUN/$name.pid" ] && ! running "$name"; then
      say "$name died; the end of $LOG/$name.log:"
      tail -5 "$LOG/$name.log"
      return 1
    fi
    if [ "$(date +%s)" -ge "$end" ]; then
      say "$name was not ready in time; the end of $LOG/$name.log:"
      tail -5 "$LOG/$name.log"
      return 1
    fi
    sleep 0.1
  done
}

api() { # path [curl options]
  local path=$1
  shift
  curl -sf --cacert "$PKI/ca.crt" --cert "$PKI/admin.crt" --key "$PKI/admin.key" "$@" "https://127.0.0.1:6443$path"
}
