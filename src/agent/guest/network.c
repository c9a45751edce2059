/* The machine's network card, if the operator configured one. */
#include "agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CARD "eth0"
#define PROBE_TRIES 200

static struct sockaddr *ipv4(struct sockaddr *into, in_addr_t address) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = address};
  memcpy(into, &in, sizeof in);
  return into;
}

/* The card appears shortly after its module was loaded. */
static bool card_up(int fd, struct ifreq *request) {
  for (int tries = 0; ioctl(fd, SIOCGIFFLAGS, request) < 0; tries++) {
    if (tries == PROBE_TRIES) return false;
    usleep(10000);
  }
  request->ifr_flags |= IFF_UP;
  return ioctl(fd, SIOCSIFFLAGS, request) == 0;
}

static bool set_address(int fd, struct ifreq *request, const char *text) {
  char address[INET_ADDRSTRLEN + 4];
  snprintf(address, sizeof address, "%s", text);
  char *slash = strchr(address, '/');
  struct in_addr own;
  if (slash == NULL) return false;
  *slash = 0;
  int prefix = atoi(slash + 1);
  if (prefix < 1 || prefix > 31 || inet_pton(AF_INET, address, &own) != 1) return false;
  ipv4(&request->ifr_addr, own.s_addr);
  if (ioctl(fd, SIOCSIFADDR, request) < 0) return false;
  ipv4(&request->ifr_netmask, htonl(~0u << (32 - prefix)));
  return ioctl(fd, SIOCSIFNETMASK, request) == 0;
}

static bool set_gateway(int fd, const char *text) {
  struct in_addr gateway;
  struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY, .rt_dev = CARD};
  if (inet_pton(AF_INET, text, &gateway) != 1) return false;
  ipv4(&route.rt_dst, INADDR_ANY);
  ipv4(&route.rt_genmask, INADDR_ANY);
  ipv4(&route.rt_gateway, gateway.s_addr);
  return ioctl(fd, SIOCADDRT, &route) == 0;
}

/* Brings the card up with an address such as 192.0.2.2/24; an empty gateway sets no route beyond its network. */
bool network_up(const char *address, const char *gateway) {
  struct ifreq request = {.ifr_name = CARD};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  errno = EINVAL;
  bool up = card_up(fd, &request) && set_address(fd, &request, address) &&
            (gateway[0] == 0 || set_gateway(fd, gateway));
  int error = errno;
  close(fd);
  errno = error;
  return up;
}

/* In the folder that becomes the root: an image may have a dangling link there. */
void network_names(const char *resolv_conf) {
  unlink("etc/resolv.conf");
  int fd = open("etc/resolv.conf", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return;
  dprintf(fd, "%s", resolv_conf);
  close(fd);
}
