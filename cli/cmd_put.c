/* cmd_put.c: psctl put: a file into a store, a proxy beside it */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "psctl.h"

struct put {
    const char *file, *output, *store, *key;
    int is_forced;
    char proxy_path[PATH_MAX];
};

static int check_file(const char *file)
{
    struct stat status;
    int result = raw_stat(file, &status);
    int fd;

    if (result < 0)
        return fail("%s: %s", file, strerror(-result));
    if (S_ISDIR(status.st_mode))
        return fail("%s is a folder", file);
    if (!S_ISREG(status.st_mode))
        return fail("%s is no ordinary file", file);
    fd = raw_open(file, O_RDONLY, 0);
    if (fd < 0)
        return fail("%s: %s", file, strerror(-fd));
    close(fd);
    if (is_proxy_file(file))
        return fail("%s is a proxy file already", file);
    return STATUS_OK;
}

/* drop: remove an object that no proxy will ever name */
static void drop(struct ps_store *store, const struct ps_proxy *proxy)
{
    char url[PS_URI_MAX], key[PS_URI_MAX];

    if (split_object(proxy->object, url, key, NULL) == 0)
        ps_store_evict(store, key, NULL);
}

/* check_key: replacing an object takes it from all its proxies, wherever they are */
static int check_key(struct ps_store *store, const struct put *put)
{
    struct ps_error err = {0};
    int result = put->key != NULL && !put->is_forced ? ps_store_exists(store, put->key, &err) : 0;

    if (result < 0)
        return fail("%s", err.message);
    if (result > 0)
        return fail("the store has an object with the key \"%s\"; --force replaces it, and its "
                    "proxies fail from then on",
                    put->key);
    return STATUS_OK;
}

/* ends_with_psctl: was it put into the memory of this process? Wrappers may stand before that. */
static int ends_with_psctl(const struct ps_proxy *proxy)
{
    const char *scheme = strstr(proxy->object, "memory://");

    return scheme != NULL && (scheme == proxy->object || scheme[-1] == '+') &&
           strcspn(proxy->object, "/?") > (size_t)(scheme - proxy->object);
}

static int store_file(struct ps_store *store, const struct put *put)
{
    struct ps_proxy proxy;
    struct ps_error err = {0};

    if (check_key(store, put) != STATUS_OK)
        return STATUS_FAILED;
    if (ps_store_put_file(store, put->key, put->file, &proxy, &err) < 0)
        return fail("%s", err.message);
    if (ends_with_psctl(&proxy))
        return fail("%s would end with psctl: a store in memory is for one process", proxy.object);
    if (ps_proxy_write(&proxy, put->proxy_path, &err) < 0) {
        /* under a key of the user's choice it may be wanted; under a new one it never is */
        if (put->key == NULL)
            drop(store, &proxy);
        return fail("%s", err.message);
    }
    print_clean(stdout, put->proxy_path);
    fputs(": ", stdout);
    print_clean(stdout, proxy.object);
    printf(", %llu bytes\n", (unsigned long long)proxy.size);
    record_store(proxy.object);
    return STATUS_OK;
}

static int put_file(struct put *put)
{
    struct ps_store *store;
    struct ps_error err = {0};
    int status = check_file(put->file);

    if (status == STATUS_OK)
        status =
            choose_proxy_path(put->file, put->output, put->proxy_path, sizeof(put->proxy_path));
    if (status != STATUS_OK)
        return status;
    if (ps_store_open(&store, put->store, &err) < 0)
        return fail("%s", err.message);
    status = store_file(store, put);
    ps_store_close(store);
    return status;
}

int cmd_put(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'}, {"store", required_argument, NULL, 's'},
        {"key", required_argument, NULL, 'k'},    {"force", no_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},         {0}};
    struct put put = {0};
    int answer, status = STATUS_USAGE;

    opterr = 0;
    while ((answer = getopt_long(argc, argv, ":o:s:k:fh", options, NULL)) != -1) {
        if (answer == 'o')
            put.output = optarg;
        else if (answer == 's')
            put.store = optarg;
        else if (answer == 'k')
            put.key = optarg;
        else if (answer == 'f')
            put.is_forced = 1;
        else if (answer == 'h')
            return show_help(self);
        else
            return bad_option(self, answer, argv);
    }
    put.file = one_operand(self, argc, argv, &status);
    return put.file != NULL ? put_file(&put) : status;
}
