# Runs "$@" as if elsewhere and later: another umask, a clock that is $LATER seconds ahead, and another release of the
# host's kernel. The clock of the files' times, which make compares, stays. Programs that are linked statically see
# none of the last two.
set -eu
umask 077
mkdir -p /tmp/elsewhere
cat > /tmp/elsewhere/elsewhere.c <<'PROGRAM'
#define _GNU_SOURCE
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
gcc -O2 -fPIC -shared -DLATER="$LATER" -o /tmp/elsewhere/elsewhere.so /tmp/elsewhere/elsewhere.c
export LD_PRELOAD=/tmp/elsewhere/elsewhere.so
unset LATER
exec env "$@"
