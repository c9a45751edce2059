#!/usr/bin/env bash
# Creates a gateway's certificates with openssl and stores them in the cluster with kubectl:
#
#   make-certs.sh               the secrets openshell-ca, openshell-tls (which the gateway mounts) and openshell-client,
#                               if missing; delete one to have it created again
#   make-certs.sh client NAME   openshell-client-NAME, for another client; NAME is its user
#   make-certs.sh fetch [NAME]  writes a client's files to where `openshell --gateway openshell` looks for them
#
# Environment: NAMESPACE and RELEASE (both openshell), DAYS (730), and NAMES, more names and addresses of the gateway
# ("gateway.example.org 192.0.2.1"). Also for a release of the Helm chart, whose secrets are the same.
set -euo pipefail
umask 077
NAMESPACE=${NAMESPACE:-openshell}
RELEASE=${RELEASE:-openshell}
DAYS=${DAYS:-730}
CA_DAYS=3650

k() { kubectl -n "$NAMESPACE" "$@"; }
exists() { k get secret "$1" -o name > /dev/null 2>&1; }
read_secret() { k get secret "$1" -o "go-template={{index .data \"$2\" | base64decode}}"; }
fail() { echo "make-certs.sh: $*" >&2; exit 1; }

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

make_ca() {
  new_key ca.key
  openssl req -x509 -new -key ca.key -days "$CA_DAYS" -subj "/CN=$RELEASE CA of $NAMESPACE" -out ca.crt \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
  k create secret generic "$RELEASE-ca" --type=kubernetes.io/tls --from-file=tls.crt=ca.crt --from-file=tls.key=ca.key
}

fetch_ca() {
  read_secret "$RELEASE-ca" tls.crt > ca.crt
  read_secret "$RELEASE-ca" tls.key > ca.key
}

issue() { # secret common-name usage [alternative names]
  ! exists "$1" || { echo "secret/$1 exists"; return 0; }
  new_key tls.key
  printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" "extendedKeyUsage=$3" \
    ${4:+"subjectAltName=$4"} > extensions
  openssl req -new -key tls.key -subj "/CN=$2" -out tls.csr
  openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 16 | sed 's/^./4/')" \
    -days "$DAYS" -extfile extensions -out tls.crt 2> /dev/null
  k create secret generic "$1" --type=kubernetes.io/tls \
    --from-file=ca.crt --from-file=tls.crt --from-file=tls.key
}

names() {
  local name list=DNS:$RELEASE,DNS:$RELEASE.$NAMESPACE,DNS:$RELEASE.$NAMESPACE.svc
  list+=,DNS:$RELEASE.$NAMESPACE.svc.cluster.local,DNS:localhost,IP:127.0.0.1,IP:::1
  for name in ${NAMES:-}; do
    if [[ $name == *:* || $name =~ ^[0-9.]+$ ]]; then list+=,IP:$name; else list+=,DNS:$name; fi
  done
  echo "$list"
}

fetch() { # secret
  local folder file
  folder=${XDG_CONFIG_HOME:-$HOME/.config}/openshell/gateways/$RELEASE
  mkdir -p "$folder/mtls"
  for file in ca.crt tls.crt tls.key; do read_secret "$1" $file > "$folder/mtls/$file"; done
  [ -e "$folder/metadata.json" ] ||
    echo '{"gateway_endpoint": "https://127.0.0.1:17670", "auth_mode": "mtls"}' > "$folder/metadata.json"
  echo "$folder"
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
k get namespace "$NAMESPACE" -o name > /dev/null

case "${1:-all}" in
  all)
    if exists "$RELEASE-ca"; then
      fetch_ca
    else
      for part in tls client; do
        ! exists "$RELEASE-$part" || fail "secret $RELEASE-$part was issued by a CA that no longer exists: delete it and all clients' secrets"
      done
      make_ca
    fi
    issue "$RELEASE-tls" "$RELEASE" serverAuth "$(names)"
    issue "$RELEASE-client" admin clientAuth
    ;;
  client)
    [[ ${2:-} =~ ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$ ]] || fail "client requires a name of a-z, 0-9, - and ."
    fetch_ca
    issue "$RELEASE-client-$2" "$2" clientAuth
    ;;
  fetch) fetch "$RELEASE-client${2:+-$2}" ;;
  *) fail "unknown command '$1'; see the top of this file" ;;
esac
