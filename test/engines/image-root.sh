# Root file systems for the test images, from files on this machine. Sourced by test/engines/<engine>/image.

# make_root DIR: a busybox with all its applets, the users root and sandbox (1000)
make_root() {
  local busybox
  busybox=$(command -v busybox) || { echo "test images: install busybox-static" >&2; return 1; }
  mkdir -p "$1"/{bin,etc,root,tmp,proc,sys,dev,run,usr/bin,var,home/sandbox}
  chmod 1777 "$1/tmp"
  chmod 700 "$1/root"
  chown 1000:1000 "$1/home/sandbox" 2>/dev/null || true
  printf 'root:x:0:0:root:/root:/bin/sh\nsandbox:x:1000:1000:sandbox:/home/sandbox:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\nsandbox:x:1000:\n' >"$1/etc/group"
  cp "$busybox" "$1/bin/busybox"
  # Linked last by name, busybox would point at itself.
  "$busybox" --list | grep -vx busybox | while read -r applet; do ln -s busybox "$1/bin/$applet"; done
}

# make_noshell_root DIR: /bin/true, /bin/cat and the like, but no shell
make_noshell_root() {
  make_root "$1"
  rm -f "$1"/bin/{sh,ash,hush,bash,msh,lash}
}

# make_bash_root DIR: with bash and dash beside busybox, when this machine has them
make_bash_root() {
  local program path
  make_root "$1"
  for program in bash dash; do
    path=$(command -v "$program") && { rm -f "$1/bin/$program"; add_program "$1" "$path"; }
  done
}

# add_program DIR PROGRAM: copies it and the shared libraries that it names
add_program() {
  local library
  cp "$2" "$1/bin/"
  ldd "$2" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$1$(dirname "$library")"
    cp -L "$library" "$1$library"
  done
}
