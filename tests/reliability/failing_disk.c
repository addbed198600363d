/* A library for LD_PRELOAD: reads, writes and syncs of files whose path contains FAULT_PATH fail with FAULT_ERRNO.
   FAULT_CALLS names the calls ("read", "write", "sync"). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int descriptor, const char *call) {
    const char *wanted = getenv("FAULT_PATH"), *calls = getenv("FAULT_CALLS"), *number = getenv("FAULT_ERRNO");
    char link[64], path[4096];
    if (!wanted || !*wanted || !calls || !number || !strstr(calls, call)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!strstr(path, wanted)) return 0;
    errno = atoi(number);
    return 1;
}

#define WRAP(kind, name, parameters, arguments, call)                            \
    kind name parameters {                                                       \
        static kind(*real) parameters;                                           \
        if (!real) real = (kind(*) parameters)dlsym(RTLD_NEXT, #name);           \
        return fails(descriptor, call) ? -1 : real arguments;                    \
    }

WRAP(ssize_t, read, (int descriptor, void *data, size_t size), (descriptor, data, size), "read")
WRAP(ssize_t, pread, (int descriptor, void *data, size_t size, off_t at), (descriptor, data, size, at), "read")
WRAP(ssize_t, pread64, (int descriptor, void *data, size_t size, off_t at), (descriptor, data, size, at), "read")
WRAP(ssize_t, write, (int descriptor, const void *data, size_t size), (descriptor, data, size), "write")
WRAP(ssize_t, pwrite, (int descriptor, const void *data, size_t size, off_t at), (descriptor, data, size, at), "write")
WRAP(ssize_t, pwrite64, (int descriptor, const void *data, size_t size, off_t at), (descriptor, data, size, at), "write")
WRAP(int, fsync, (int descriptor), (descriptor), "sync")
WRAP(int, fdatasync, (int descriptor), (descriptor), "sync")
