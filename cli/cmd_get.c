/* cmd_get.c: psctl get: a whole object into a file, or to standard output */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ps/backend.h>

#include "psctl.h"

/* What is fetched at once: enough for a distant store, little against any memory limit. */
#define STEP ((size_t)16 << 20)

struct get {
    const char *argument;
    struct ps_proxy proxy; /* that it is, or leads to */
    int is_quiet, is_json;
    int is_to_file; /* which is read again for its digest */
    uint64_t size;  /* of the object, once it is here */
};

/* The unfinished file. A signal handler removes it, so that none is left behind. */
static char temporary[PATH_MAX + 32];

static void on_signal(int signal)
{
    unlink(temporary);
    _exit(128 + signal);
}

/*
 * pass_cache: what is larger than all of the node's cache would take the place of all that is
 * there, and not be there itself. Before libps reads its configuration.
 */
static void pass_cache(const struct ps_proxy *proxy)
{
    const char *text = getenv("PS_CACHE_SIZE");
    uint64_t size;

    if (text != NULL && ps_parse_size(&size, text, NULL) == 0 && proxy->has_size &&
        proxy->size > size)
        setenv("PS_CACHE", "", 1);
}

/* copy: the object in steps; each is fetched before it is touched, and dropped after */
static int copy(struct get *get, int fd, const char *name)
{
    struct ps_map_options options = {sizeof(options), PS_MAP_READ_ONLY};
    struct ps_error err = {0};
    int status = STATUS_OK;
    size_t size = 0;
    char *map = ps_lazy_map(get->argument, &size, &options, &err);

    if (map == NULL)
        return fail("%s", err.message);
    progress_begin(get->is_quiet);
    for (size_t at = 0; at < size && status == STATUS_OK; at += STEP) {
        size_t step = size - at < STEP ? size - at : STEP;
        size_t left = size - at - step;

        if (ps_resolve(map, at, step, &err) < 0) {
            status = fail("%s", err.message);
            break;
        }
        if (left > 0)
            ps_prefetch(map, at + step, left < STEP ? left : STEP, NULL);
        status = write_all(fd, map + at, step, name);
        progress_show(at + step, size);
        /* libps checks a digest when all is here: as far as memory allows */
        if (get->is_to_file || !knows_digest(&get->proxy))
            ps_evict(map, at, step, NULL);
    }
    progress_end();
    ps_unmap(map);
    get->size = size;
    return status;
}

/*
 * leave_cache: what is wrong was perhaps the node's cache's, and would be there for the next one.
 * Libps has it go when it finds out by itself, which it does where all is in memory.
 */
static void leave_cache(const struct get *get)
{
    struct ps_map_options options = {sizeof(options), PS_MAP_READ_ONLY};
    const char *cache = getenv("PS_CACHE");
    size_t size = 0;
    char *map = NULL;

    if (cache != NULL && cache[0] != '\0')
        map = ps_lazy_map(get->argument, &size, &options, NULL);
    for (size_t at = 0; map != NULL && at < size; at += STEP)
        if (ps_resolve(map, at, size - at < STEP ? size - at : STEP, NULL) < 0)
            break;
    ps_unmap(map);
}

/* check_file: a file that was got has the digest of its proxy, if that has one. 0, or a status. */
static int check_file(const struct get *get, const char *path)
{
    char digest[PS_DIGEST_MAX];
    struct ps_error err = {0};

    if (!knows_digest(&get->proxy))
        return STATUS_OK;
    if (make_digest(ps_store_put_file, path, digest, &err) < 0)
        return fail("%s", err.message);
    if (check_digest(&get->proxy, digest, &err) == 0)
        return STATUS_OK;
    leave_cache(get);
    return fail("%.150s: %s", get->proxy.object, err.message);
}

/* start_file: a temporary file in the folder of path, with the mode that path has or would get */
static int start_file(const char *path)
{
    static const int ends[] = {SIGHUP, SIGINT, SIGTERM};
    const char *slash = strrchr(path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - path) + 1;
    mode_t mask = umask(0);
    struct stat old;
    mode_t mode = raw_stat(path, &old) == 0 ? old.st_mode & 0777 : 0666 & ~mask;
    int fd;

    umask(mask);
    snprintf(temporary, sizeof(temporary), "%.*s.psctl-XXXXXX", folder, path);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return fail("can't write %s: %s", path, strerror(errno)), -1;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (signal(ends[i], on_signal) == SIG_IGN)
            signal(ends[i], SIG_IGN);
    fchmod(fd, mode);
    return fd;
}

static int get_to_file(struct get *get, const char *path)
{
    int fd = start_file(path);
    int status;

    if (fd < 0)
        return STATUS_FAILED;
    get->is_to_file = 1;
    status = copy(get, fd, path);
    if (close(fd) != 0 && status == STATUS_OK)
        status = fail("%s: %s", path, strerror(errno));
    if (status == STATUS_OK)
        status = check_file(get, temporary);
    if (status == STATUS_OK && rename(temporary, path) != 0)
        status = fail("%s: %s", path, strerror(errno));
    if (status != STATUS_OK)
        unlink(temporary);
    return status;
}

/* is_same_file: psctl get x.psx -o x.psx would leave no proxy */
static int is_same_file(const char *proxy, const char *path)
{
    struct stat one, other;

    return !is_url(proxy) && raw_stat(proxy, &one) == 0 && raw_stat(path, &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static void print_json(const struct get *get, const char *path)
{
    fputs("{\"proxy\": ", stdout);
    json_string(stdout, get->argument);
    json_field("object", get->proxy.object);
    json_field("file", path);
    printf(", \"size\": %llu", (unsigned long long)get->size);
    json_field("version", get->proxy.version);
    json_field("digest", get->proxy.digest);
    fputs("}\n", stdout);
}

/* get_to: a device or a pipe is written to, not replaced; a link stays one */
static int get_to(struct get *get, const char *path)
{
    char canonical[PATH_MAX];
    struct stat status;
    int fd, result;

    if (raw_stat(path, &status) < 0)
        return get_to_file(get, path);
    if (S_ISDIR(status.st_mode))
        return fail("%s is a folder", path);
    if (is_same_file(get->argument, path))
        return fail("%s and %s are the same file: the object would replace its proxy",
                    get->argument, path);
    if (S_ISREG(status.st_mode))
        return get_to_file(get, realpath(path, canonical) != NULL ? canonical : path);
    fd = raw_open(path, O_WRONLY, 0);
    if (fd < 0)
        return fail("%s: %s", path, strerror(-fd));
    result = copy(get, fd, path);
    close(fd);
    return result;
}

/* choose_name: the proxy's name without .psx, which must not be there yet. 0, or a status. */
static int choose_name(const char *proxy, char path[PATH_MAX])
{
    size_t length = strlen(proxy);
    struct stat status;

    if (is_url(proxy) || length < 5 || length >= PATH_MAX ||
        strcmp(proxy + length - 4, ".psx") != 0 || proxy[length - 5] == '/')
        return fail("standard output is a terminal; use -o FILE");
    memcpy(path, proxy, length - 4);
    path[length - 4] = '\0';
    if (raw_stat(path, &status) == 0)
        return fail("%s is there already; use -o FILE", path);
    return STATUS_OK;
}

int cmd_get(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct get get = {0};
    char path[PATH_MAX];
    const char *output = NULL;
    struct ps_error err = {0};
    int answer, status = STATUS_USAGE;

    opterr = 0;
    while ((answer = getopt_long(argc, argv, ":o:qjh", options, NULL)) != -1) {
        if (answer == 'o')
            output = optarg;
        else if (answer == 'q')
            get.is_quiet = 1;
        else if (answer == 'j')
            get.is_json = 1;
        else if (answer == 'h')
            return show_help(self);
        else
            return bad_option(self, answer, argv);
    }
    get.argument = one_operand(self, argc, argv, &status);
    if (get.argument == NULL)
        return status;
    if (output != NULL && output[0] == '\0')
        return fail("\"\" is no file name");
    if (load_proxy(&get.proxy, get.argument, &err) < 0)
        return fail("%s", err.message);
    pass_cache(&get.proxy);
    if (output == NULL && isatty(STDOUT_FILENO)) {
        status = choose_name(get.argument, path);
        if (status != STATUS_OK)
            return status;
        output = path;
    }
    if (output == NULL || strcmp(output, "-") == 0)
        return get.is_json ? usage(self, "--json: the object goes to standard output; use -o FILE")
                           : copy(&get, STDOUT_FILENO, "standard output");
    status = get_to(&get, output);
    if (status == STATUS_OK && get.is_json)
        print_json(&get, output);
    return status;
}
