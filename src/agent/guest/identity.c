/* Looks up users in the sandbox's own passwd and group files, and makes a child that user permanently. */
#include "agent.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool number(const char *text, unsigned long *value) {
  char *end;
  if (*text < '0' || *text > '9') return false;
  *value = strtoul(text, &end, 10);
  return *end == 0 && *value < 0xffffffffUL;
}

/* `user`, `user:group`, names or numbers; empty is root. False when a name is not known. */
bool identity_of(const char *user, struct identity *who) {
  char name[128];
  memset(who, 0, sizeof *who);
  snprintf(who->home, sizeof who->home, "/");
  snprintf(name, sizeof name, "%s", user);
  char *group = strchr(name, ':');
  if (group != NULL) *group++ = 0;
  if (name[0] == 0) snprintf(name, sizeof name, "0");

  unsigned long id;
  bool is_number = number(name, &id);
  struct passwd *entry = is_number ? getpwuid((uid_t)id) : getpwnam(name);
  if (entry == NULL && !is_number) return false;
  who->uid = entry != NULL ? entry->pw_uid : (uid_t)id;
  who->gid = entry != NULL ? entry->pw_gid : 0;
  if (entry != NULL && entry->pw_dir[0] == '/') snprintf(who->home, sizeof who->home, "%s", entry->pw_dir);
  if (entry == NULL && who->uid == 0) snprintf(who->home, sizeof who->home, "/root");

  if (group != NULL && *group != 0) {
    struct group *g = NULL;
    if (number(group, &id)) who->gid = (gid_t)id;
    else if ((g = getgrnam(group)) != NULL) who->gid = g->gr_gid;
    else return false;
    who->groups[0] = who->gid;
    who->group_count = 1;
    return true;
  }
  who->group_count = 64;
  if (entry == NULL || getgrouplist(entry->pw_name, who->gid, who->groups, &who->group_count) < 0) {
    who->groups[0] = who->gid;
    who->group_count = 1;
  }
  return true;
}

/* In a machine of ours also drops all capabilities for good, and disables set-uid programs. */
void identity_assume(const struct identity *who) {
  if (agent_is_init) {
    for (unsigned long capability = 0; capability < 64; capability++)
      if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) break;
  }
  bool changes = getuid() == 0;
  if (changes && (setgroups((size_t)who->group_count, who->groups) < 0 ||
                  setresgid(who->gid, who->gid, who->gid) < 0 || setresuid(who->uid, who->uid, who->uid) < 0))
    _exit(126);
  if (!agent_is_init) return;
  struct { uint32_t version; int pid; } header = {0x20080522, 0};
  struct { uint32_t effective, permitted, inheritable; } none[2] = {{0, 0, 0}, {0, 0, 0}};
  if (syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) _exit(126);
}
