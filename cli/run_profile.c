/* run_profile.c: psctl run --profile: where the processes write, and what is made of it */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profile.h"
#include "psctl.h"

/* The module lies beside the library that psctl itself runs with. */
static const struct ps_unwind *load_unwind(void)
{
    ps_unwind_init_function *init = NULL;
    const struct ps_unwind *found;
    char path[PATH_MAX + 32] = "", *slash;
    void *library;
    Dl_info info;

    if (dladdr((void *)(uintptr_t)ps_version, &info) != 0 && info.dli_fname != NULL &&
        realpath(info.dli_fname, path) != NULL && (slash = strrchr(path, '/')) != NULL)
        strcpy(slash, "/libps/libps-unwind.so");
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library != NULL)
        *(void **)&init = dlsym(library, PS_UNWIND_INIT);
    found = init != NULL ? init() : NULL;
    if (found != NULL && found->api == PS_UNWIND_API)
        return found;
    fail("a profile needs %s: %s", path, library == NULL ? dlerror() : "it is of another release");
    return NULL;
}

/* make_folder: in memory where there is room for that, as writing should cost little */
static int make_folder(char *path, size_t size)
{
    const char *wanted = getenv("TMPDIR");
    const char *const places[] = {wanted != NULL && wanted[0] == '/' ? wanted : "/dev/shm", "/tmp"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, size, "%s/psctl-XXXXXX", places[i]);
        if (mkdtemp(path) != NULL)
            return STATUS_OK;
    }
    return fail("%s: %s", path, strerror(errno));
}

int profile_begin(struct run_profile *run, const char *prefix)
{
    int status;

    run->prefix = prefix;
    run->unwind = load_unwind();
    if (run->unwind == NULL)
        return STATUS_FAILED;
    if (!is_writable_folder(prefix))
        return fail("%s.folded can't be made", prefix);
    status = make_folder(run->folder, sizeof(run->folder));
    if (status != STATUS_OK)
        return status;
    return setenv("PS_PROFILE", run->folder, 1) == 0 ? STATUS_OK : fail("no memory");
}

/* Reads all of the folder, and removes it. */
static int read_folder(struct profile *profile, const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    int status = STATUS_OK;

    if (folder == NULL)
        return fail("%s: %s", path, strerror(errno));
    while ((entry = readdir(folder)) != NULL) {
        int fd;
        if (entry->d_name[0] == '.')
            continue;
        fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && profile_read(profile, fd, entry->d_name) != STATUS_OK)
            status = STATUS_FAILED;
        if (fd >= 0)
            close(fd);
        unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    rmdir(path);
    return status;
}

static int write_file(const struct profile *profile, const char *prefix, const char *suffix,
                      void (*print)(const struct profile *, FILE *))
{
    char path[PATH_MAX];
    FILE *to;

    snprintf(path, sizeof(path), "%s.%s", prefix, suffix);
    to = fopen(path, "we");
    if (to == NULL)
        return fail("%s: %s", path, strerror(errno));
    print(profile, to);
    if (fclose(to) != 0)
        return fail("%s: %s", path, strerror(errno));
    return STATUS_OK;
}

int profile_end(const struct run_profile *run, int is_started)
{
    struct profile profile = {.unwind = run->unwind};
    int status = read_folder(&profile, run->folder);

    if (!is_started)
        return STATUS_OK;
    profile_table(&profile);
    if (write_file(&profile, run->prefix, "folded", profile_folded) != STATUS_OK ||
        write_file(&profile, run->prefix, "svg", profile_svg) != STATUS_OK)
        status = STATUS_FAILED;
    return status;
}
