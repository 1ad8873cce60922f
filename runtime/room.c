/*
 * room.c: see room.h
 *
 * A job's cgroup often has less memory than its machine, and a process that
 * needs more is killed, not told. /proc/self/cgroup names the groups: in version
 * 2 on the line that begins with "0::", in version 1 on the one of the controller
 * "memory". Limits hold for all groups below. In a container the path may not be
 * one that is seen here; then at least the root's limit is.
 */
#include "room.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"

enum { TEXT = 2048 };

/* The beginning of a file; its size, or 0 */
static size_t read_text(const char *path, char *text, size_t size)
{
    int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    ssize_t got;

    if (fd < 0)
        return 0;
    got = sys_read(fd, text, size - 1);
    sys_close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

/* A number of bytes; "max", and a file that is not there, are no limit. */
static uint64_t limit_in(const char *root, const char *group, const char *file)
{
    char path[TEXT + 64], text[32], *at = text;
    struct ps_text name = ps_text_begin(path, sizeof(path));
    uint64_t value = 0;

    ps_text_add(&name, root);
    ps_text_add(&name, group);
    ps_text_add(&name, file);
    if (read_text(path, text, sizeof(text)) == 0 || *at < '0' || *at > '9')
        return UINT64_MAX;
    for (; *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    return value;
}

/* The least of a group and all above it, up to the root. */
static uint64_t least(const char *root, char *group, const char *file)
{
    char *end = group + strlen(group), *slash;
    uint64_t limit = limit_in(root, group, file);

    while ((slash = strrchr(group, '/')) != NULL) {
        uint64_t above;
        *slash = '\0';
        above = limit_in(root, group, file);
        if (above < limit)
            limit = above;
    }
    for (char *at = group; at < end; at++) /* as it was */
        if (*at == '\0')
            *at = '/';
    return limit;
}

/* "9:memory:/job" or "9:cpu,memory:/job" */
static bool has_memory(const char *controllers, const char *end)
{
    static const char word[] = "memory";
    size_t length = sizeof(word) - 1;

    for (const char *at = controllers; at + length <= end; at++)
        if (memcmp(at, word, length) == 0 && (at[length] == ',' || at[length] == ':') &&
            (at[-1] == ',' || at[-1] == ':'))
            return true;
    return false;
}

static uint64_t of_line(char *line)
{
    char *controllers = strchr(line, ':'), *group;
    uint64_t limit;

    if (controllers == NULL || (group = strchr(controllers + 1, ':')) == NULL)
        return UINT64_MAX;
    if (has_memory(controllers + 1, group))
        return least("/sys/fs/cgroup/memory", group + 1, "/memory.limit_in_bytes");
    if (group == controllers + 1) { /* beside version 1 it has a folder of its own */
        limit = least("/sys/fs/cgroup", group + 1, "/memory.max");
        return limit != UINT64_MAX ? limit
                                   : least("/sys/fs/cgroup/unified", group + 1, "/memory.max");
    }
    return UINT64_MAX;
}

uint64_t ps_room(void)
{
    uint64_t room = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    char text[TEXT], *line = text, *end;

    if (read_text("/proc/self/cgroup", text, sizeof(text)) == 0)
        return room;
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        uint64_t limit;
        *end = '\0';
        limit = of_line(line);
        if (limit < room)
            room = limit;
    }
    return room;
}
