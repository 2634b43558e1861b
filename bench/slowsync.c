/* A disk that takes SLOW_MS milliseconds for each fsync, for LD_PRELOAD. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int slowly(const char *name, int fd) {
    const char *milliseconds = getenv("SLOW_MS");
    usleep(1000u * (unsigned)(milliseconds ? atoi(milliseconds) : 100));
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return real(fd);
}

int fsync(int fd) { return slowly("fsync", fd); }
int fdatasync(int fd) { return slowly("fdatasync", fd); }
