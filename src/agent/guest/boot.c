/* The tasks of a machine's process 1: file systems, modules, the channel's port, the root disk, power off. */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PORT_NAME "openshell.agent.0"
#define NEW_ROOT "/newroot"
#define DISK_DRIVER "/sys/bus/virtio/drivers/virtio_blk"
#define MAX_DISKS 4

static bool root_ready;
static char released[MAX_DISKS][32];
static int released_count;

bool boot_root_ready(void) { return root_ready; }

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

/* Loads /modules in the order of their names, which the host chose. */
static void load_modules(void) {
  struct dirent **names;
  int count = scandir("/modules", &names, NULL, by_name);
  for (int i = 0; i < count; i++) {
    char path[300];
    if (names[i]->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/modules/%s", names[i]->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int compressed = strstr(path, ".ko.") != NULL ? 4 : 0;
    if (fd < 0 || syscall(SYS_finit_module, fd, "", compressed) < 0)
      fprintf(stderr, "agent: module %s: %s\n", path, strerror(errno));
    if (fd >= 0) close(fd);
  }
}

/* The port's number depends on the machine's other devices: look for its name. */
static int open_port(void) {
  DIR *ports = opendir("/sys/class/virtio-ports");
  if (ports == NULL) return -1;
  int fd = -1;
  for (struct dirent *entry; fd < 0 && (entry = readdir(ports)) != NULL;) {
    char path[300], name[64] = "";
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
    FILE *file = fopen(path, "re");
    if (file == NULL) continue;
    if (fscanf(file, "%63s", name) == 1 && strcmp(name, PORT_NAME) == 0) {
      snprintf(path, sizeof path, "/dev/%s", entry->d_name);
      fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    fclose(file);
  }
  closedir(ports);
  return fd;
}

static void loopback_up(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo"};
  if (fd < 0) return;
  if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
    request.ifr_flags |= IFF_UP;
    ioctl(fd, SIOCSIFFLAGS, &request);
  }
  close(fd);
}

/* The channel's file descriptor, or -1 with the reason on the console. */
int boot_channel(void) {
  mkdir("/proc", 0755);
  mkdir("/sys", 0755);
  mkdir("/dev", 0755);
  mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, NULL);
  mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  load_modules();
  if (!harden_kernel()) return -1;
  loopback_up();
  for (int tries = 0; tries < 500; tries++) {
    int fd = open_port();
    if (fd >= 0) return fd;
    usleep(10000);
  }
  fprintf(stderr, "agent: no virtio port is named " PORT_NAME "\n");
  return -1;
}

static void device(const char *path, unsigned major, unsigned minor) {
  if (mknod(path, S_IFCHR | 0666, makedev(major, minor)) == 0) chmod(path, 0666);
}

/* A folder to mount on, not a link from the image that leads elsewhere. */
static bool mount_point(const char *name, mode_t mode) {
  struct stat found;
  if (mkdir(name, mode) == 0) return true;
  if (errno != EEXIST || lstat(name, &found) < 0) return false;
  errno = ENOTDIR;
  return S_ISDIR(found.st_mode);
}

/* A /dev without disks and ports: only what a sandbox needs. */
static bool fill_dev(void) {
  if (!mount_point("dev", 0755) ||
      mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,mode=755") < 0)
    return false;
  device("dev/null", 1, 3);
  device("dev/zero", 1, 5);
  device("dev/full", 1, 7);
  device("dev/random", 1, 8);
  device("dev/urandom", 1, 9);
  device("dev/tty", 5, 0);
  mkdir("dev/pts", 0755);
  mkdir("dev/shm", 01777);
  mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5");
  mount("tmpfs", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64m,mode=1777");
  const char *links[][2] = {{"pts/ptmx", "dev/ptmx"}, {"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"},
                            {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}};
  for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
    if (symlink(links[i][0], links[i][1]) < 0) fprintf(stderr, "agent: %s: %s\n", links[i][1], strerror(errno));
  return true;
}

/* NULL, or what failed, with errno: nothing of an image runs unless all of this succeeds. */
static const char *fill_root(void) {
  const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  mkdir("tmp", 01777);
  if (!mount_point("proc", 0755) || mount("proc", "proc", "proc", plain, NULL) < 0) return "/proc";
  if (!mount_point("sys", 0755) || mount("sysfs", "sys", "sysfs", plain | MS_RDONLY, NULL) < 0) return "/sys";
  /* The sandbox can read its own limits, but not write them. */
  if (mount("/sys/fs/cgroup/sandbox", "sys/fs/cgroup", NULL, MS_BIND, NULL) < 0 ||
      mount(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | plain, NULL) < 0)
    return "/sys/fs/cgroup";
  if (!fill_dev()) return "/dev";
  return harden_root();
}

static void write_names(const char *host) {
  if (sethostname(host, strlen(host)) < 0) return;
  mkdir("etc", 0755);
  int fd = open("etc/hostname", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd >= 0) {
    dprintf(fd, "%s\n", host);
    close(fd);
  }
  fd = open("etc/hosts", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return;
  dprintf(fd, "127.0.0.1 localhost\n::1 localhost\n");
  close(fd);
}

/* Creates every parent, then the workspace itself, which belongs to the sandbox's user. */
static bool make_workspace(const char *path, const char *owner) {
  char part[512];
  struct identity who;
  if (!identity_of(owner, &who)) memset(&who, 0, sizeof who);
  snprintf(part, sizeof part, "%s", path);
  for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(part, 0755);
    *slash = '/';
  }
  bool is_new = mkdir(part, 0755) == 0;
  if (!is_new && errno != EEXIST) return false;
  return !is_new || chown(part, who.uid, who.gid) == 0;
}

static bool write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool whole = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  if (fd >= 0) close(fd);
  return whole;
}

/*
 * Before a snapshot is taken: restored machines have other disks behind the devices, so the driver releases them here
 * and probes them again after the restore.
 */
void boot_release(uint32_t stream) {
  struct dirent **names;
  int count = agent_is_init && !root_ready ? scandir(DISK_DRIVER, &names, NULL, by_name) : 0;
  for (int i = 0; i < count && released_count < MAX_DISKS; i++) {
    if (strncmp(names[i]->d_name, "virtio", 6) != 0) continue;
    snprintf(released[released_count], sizeof released[0], "%s", names[i]->d_name);
    if (write_text(DISK_DRIVER "/unbind", released[released_count])) released_count++;
  }
  if (released_count > 0) send_frame(DONE, stream, "", 0);
  else send_failure(stream, BAD_ROOT, "no disk to let go of", errno);
}

static bool bind_released(void) {
  while (released_count > 0)
    if (!write_text(DISK_DRIVER "/bind", released[--released_count])) return false;
  return true;
}

/*
 * Records: r<device> w<workspace> u<user> h<host name> M<memory.max> P<pids.max> C<cpu.max> F<open files>
 * a<address> g<gateway> n<resolv.conf>. Mounts the disk, makes it the root of everything that follows, and answers DONE.
 */
void boot_root(uint32_t stream, const unsigned char *payload, size_t length) {
  const char *text, *disk = "", *workspace = "", *user = "", *host = "sandbox";
  const char *memory = NULL, *pids = NULL, *cpu = NULL, *files = NULL;
  const char *address = NULL, *gateway = "", *names = NULL;
  char tag;
  while ((text = record_next(&payload, &length, &tag)) != NULL) {
    switch (tag) {
      case 'r': disk = text; break;
      case 'w': workspace = text; break;
      case 'u': user = text; break;
      case 'h': host = text; break;
      case 'M': memory = text; break;
      case 'P': pids = text; break;
      case 'C': cpu = text; break;
      case 'F': files = text; break;
      case 'a': address = text; break;
      case 'g': gateway = text; break;
      case 'n': names = text; break;
      default: break;
    }
  }
  if (root_ready || !agent_is_init) {
    send_frame(DONE, stream, "", 0);
    return;
  }
  if (!bind_released()) {
    send_failure(stream, BAD_ROOT, DISK_DRIVER, errno);
    return;
  }
  if (address != NULL && !network_up(address, gateway)) {
    send_failure(stream, SYSTEM, "the network card", errno);
    return;
  }
  mkdir(NEW_ROOT, 0755);
  if (mount(disk, NEW_ROOT, "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, "commit=1,errors=remount-ro") < 0) {
    send_failure(stream, BAD_ROOT, disk, errno);
    return;
  }
  if (!groups_limit(memory, pids, cpu) || !spawn_limit(files)) {
    send_failure(stream, SYSTEM, "the limits", errno);
    return;
  }
  if (chdir(NEW_ROOT) < 0) {
    send_failure(stream, BAD_ROOT, NEW_ROOT, errno);
    return;
  }
  const char *failed = fill_root();
  if (failed != NULL) {
    send_failure(stream, BAD_ROOT, failed, errno);
    return;
  }
  write_names(host);
  if (names != NULL) network_names(names);
  if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) {
    send_failure(stream, BAD_ROOT, "change of root", errno);
    return;
  }
  if (workspace[0] != 0 && !make_workspace(workspace, user)) {
    send_failure(stream, BAD_DIRECTORY, workspace, errno);
    return;
  }
  root_ready = true;
  send_frame(DONE, stream, "", 0);
}

void boot_halt(void) {
  sync();
  if (root_ready) mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
  reboot(RB_POWER_OFF);
}
