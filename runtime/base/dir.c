/* dir.c: see dir.h */
#include "base/dir.h"

#include <fcntl.h>
#include <stdint.h>

#include "base/sys.h"

struct entry { /* the kernel's struct linux_dirent64 */
    uint64_t inode, offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

int ps_dir_each(const char *path, int (*visit)(int dir, const char *name, void *argument),
                void *argument)
{
    _Alignas(8) char buffer[4096];
    int dir = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), result = 0;
    ssize_t got = 0;

    if (dir < 0)
        return dir;
    while (result == 0 && (got = sys_getdents(dir, buffer, sizeof(buffer))) > 0)
        for (ssize_t at = 0; at < got && result == 0;) {
            const struct entry *entry = (const void *)(buffer + at);
            if (entry->name[0] != '.')
                result = visit(dir, entry->name, argument);
            at += entry->length;
        }
    sys_close(dir);
    return result != 0 ? result : (int)got;
}
