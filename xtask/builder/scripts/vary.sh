# Runs "$@" as if elsewhere and later: another umask, a clock that is $LATER seconds ahead, folders listed from their
# end, and another release of the host's kernel. The clock of the files' times, which make compares, stays. Programs that
# are linked statically see none of the last three.
set -eu
umask 077
mkdir -p /tmp/elsewhere
cat > /tmp/elsewhere/elsewhere.c <<'PROGRAM'
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long status = syscall(SYS_clock_gettime, clock, now);
    if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += LATER;
    return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
        return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *seconds)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    if (seconds)
        *seconds = now.tv_sec;
    return now.tv_sec;
}

/* What is left of a folder that is being read. */
struct listing {
    DIR *folder;
    struct dirent **entries;
    size_t left;
    struct listing *next;
};
static __thread struct listing *listings;

static struct listing *read_all(DIR *folder)
{
    struct dirent *(*next)(DIR *) = (struct dirent *(*)(DIR *))dlsym(RTLD_NEXT, "readdir");
    struct listing *listing = calloc(1, sizeof *listing);
    if (!listing)
        abort();
    listing->folder = folder;
    for (struct dirent *entry; (entry = next(folder)); listing->left++) {
        listing->entries = reallocarray(listing->entries, listing->left + 1, sizeof entry);
        struct dirent *copy = malloc(entry->d_reclen);
        if (!listing->entries || !copy)
            abort();
        listing->entries[listing->left] = memcpy(copy, entry, entry->d_reclen);
    }
    listing->next = listings;
    listings = listing;
    return listing;
}

struct dirent *readdir(DIR *folder)
{
    struct listing *listing = listings;
    while (listing && listing->folder != folder)
        listing = listing->next;
    if (!listing)
        listing = read_all(folder);
    return listing->left ? listing->entries[--listing->left] : NULL;
}

struct dirent64 *readdir64(DIR *folder)
{
    return (struct dirent64 *)readdir(folder);
}

/* The entries stay: programs keep them while they close the folder, and none of them lives long. */
static void forget(DIR *folder)
{
    for (struct listing **at = &listings; *at; at = &(*at)->next)
        if ((*at)->folder == folder) {
            *at = (*at)->next;
            return;
        }
}

void rewinddir(DIR *folder)
{
    forget(folder);
    ((void (*)(DIR *))dlsym(RTLD_NEXT, "rewinddir"))(folder);
}

int closedir(DIR *folder)
{
    forget(folder);
    return ((int (*)(DIR *))dlsym(RTLD_NEXT, "closedir"))(folder);
}

int uname(struct utsname *host)
{
    long status = syscall(SYS_uname, host);
    if (status == 0) {
        strcpy(host->release, "2.6.99-elsewhere");
        strcpy(host->version, "#1 Thu Jan 1 00:00:00 UTC 2004");
    }
    return status;
}
PROGRAM
gcc -O2 -fPIC -shared -DLATER="$LATER" -o /tmp/elsewhere/elsewhere.so /tmp/elsewhere/elsewhere.c -ldl
export LD_PRELOAD=/tmp/elsewhere/elsewhere.so
unset LATER
exec env "$@"
