/* mount_made.c: folders that were made for mounts, and go again where these fail */
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "mount.h"

struct made {
    struct made *before;
    char path[];
};

static struct made *last;

void made_add(const char *path)
{
    struct made *made = malloc(sizeof(*made) + strlen(path) + 1);

    if (made == NULL)
        return; /* it stays */
    strcpy(made->path, path);
    made->before = last;
    last = made;
}

/* First none of what was mounted hides another. What is not empty somebody else uses by now. */
void made_remove(void)
{
    for (struct made *made = last; made != NULL; made = made->before)
        umount2(made->path, MNT_DETACH);
    for (struct made *made = last; made != NULL; made = made->before)
        rmdir(made->path);
}
