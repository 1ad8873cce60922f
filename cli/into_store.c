/* into_store.c: what psctl put and psctl copy share: an object into a store, a proxy of it */
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "psctl.h"

struct into {
    const struct source *source;
    const char *from, *output, *store, *key;
    int is_forced, is_quiet, is_json, wants_digest;
    char proxy_path[PATH_MAX];
};

/* drop: remove an object that no proxy will ever name */
static void drop(struct ps_store *store, const struct ps_proxy *proxy)
{
    char url[PS_URI_MAX], key[PS_URI_MAX];

    if (split_object(proxy->object, url, key, NULL) == 0)
        ps_store_evict(store, key, NULL);
}

/* check_key: replacing an object takes it from all its proxies, wherever they are */
static int check_key(struct ps_store *store, const struct into *into)
{
    struct ps_error err = {0};
    int result =
        into->key != NULL && !into->is_forced ? ps_store_exists(store, into->key, &err) : 0;

    if (result < 0)
        return fail("%s", err.message);
    if (result > 0)
        return fail("the store has an object with the key \"%s\"; --force replaces it, and its "
                    "proxies fail from then on",
                    into->key);
    return STATUS_OK;
}

/* ends_with_psctl: was it put into the memory of this process? Wrappers may stand before that. */
static int ends_with_psctl(const struct ps_proxy *proxy)
{
    const char *scheme = strstr(proxy->object, "memory://");

    return scheme != NULL && (scheme == proxy->object || scheme[-1] == '+') &&
           strcspn(proxy->object, "/?") > (size_t)(scheme - proxy->object);
}

static int is_other(const struct stat *one, const struct stat *other)
{
    return one->st_dev != other->st_dev || one->st_ino != other->st_ino ||
           one->st_size != other->st_size || one->st_mtim.tv_sec != other->st_mtim.tv_sec ||
           one->st_mtim.tv_nsec != other->st_mtim.tv_nsec;
}

/* put: the bytes; before them their digest, of what must be the same file then */
static int put(struct ps_store *store, const struct into *into, struct ps_proxy *proxy,
               struct ps_error *err)
{
    char digest[PS_DIGEST_MAX];
    struct stat before = {0}, after = {0};
    int result;

    if (!into->wants_digest)
        return into->source->put(store, into->key, into->from, proxy, err);
    raw_stat(into->from, &before);
    result = make_digest(into->source->put, into->from, digest, err);
    if (result == 0)
        result = into->source->put(store, into->key, into->from, proxy, err);
    if (result < 0)
        return result;
    raw_stat(into->from, &after);
    if (is_other(&before, &after)) {
        if (into->key == NULL)
            drop(store, proxy);
        return ps_error_set(err, PS_E_CORRUPT, 0, "%.150s changed while it was stored", into->from);
    }
    strcpy(proxy->digest, digest);
    return 0;
}

static int store_it(struct ps_store *store, const struct into *into)
{
    struct ps_proxy proxy;
    struct ps_error err = {0};
    int result;

    if (check_key(store, into) != STATUS_OK)
        return STATUS_FAILED;
    ending_begin();
    progress_begin(into->is_quiet);
    result = put(store, into, &proxy, &err);
    progress_end();
    if (result < 0)
        return fail("%s", err.message);
    if (ends_with_psctl(&proxy))
        return fail("%s would end with psctl: a store in memory is for one process", proxy.object);
    if (write_proxy(&proxy, into->proxy_path, &err) < 0) {
        /* under a key of the user's choice it may be wanted; under a new one it never is */
        if (into->key == NULL)
            drop(store, &proxy);
        return fail("%s", err.message);
    }
    print_made(into->proxy_path, &proxy, into->is_json);
    record_store(proxy.object, words_to(into->proxy_path, into->is_json));
    return STATUS_OK;
}

static int open_and_store(struct into *into)
{
    struct ps_store *store;
    struct ps_error err = {0};
    int status = into->source->check(into->from);

    if (status == STATUS_OK)
        status =
            choose_proxy_path(into->from, into->output, into->proxy_path, sizeof(into->proxy_path));
    if (status != STATUS_OK)
        return status;
    if (ps_store_open(&store, into->store, &err) < 0)
        return fail("%s", err.message);
    status = store_it(store, into);
    ps_store_close(store);
    ending_finish();
    return status;
}

int into_store(const struct command *self, int argc, char **argv, const struct source *source)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"store", required_argument, NULL, 's'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"force", no_argument, NULL, 'f'},
                                            {"digest", no_argument, NULL, 'd'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct into into = {.source = source};
    int answer, is_input, status = STATUS_USAGE;
    char input[64];

    opterr = 0;
    while ((answer = getopt_long(argc, argv, ":o:s:k:fdqjh", options, NULL)) != -1) {
        if (answer == 'o')
            into.output = optarg;
        else if (answer == 's')
            into.store = optarg;
        else if (answer == 'k')
            into.key = optarg;
        else if (answer == 'f')
            into.is_forced = 1;
        else if (answer == 'd')
            into.wants_digest = 1;
        else if (answer == 'q')
            into.is_quiet = 1;
        else if (answer == 'j')
            into.is_json = 1;
        else if (answer == 'h')
            return show_help(self);
        else
            return bad_option(self, answer, argv);
    }
    into.from = one_operand(self, argc, argv, &status);
    if (into.from == NULL)
        return status;
    is_input = source->may_be_input && strcmp(into.from, "-") == 0;
    if ((source->needs_output || is_input) && into.output == NULL)
        return usage(self, "no -o: where is the new proxy to be?");
    if (into.is_json && into.output != NULL && is_output(into.output))
        return usage(self, "--json: the proxy goes to standard output; use -o PROXY");
    if (is_input) {
        status = spool_input(input, sizeof(input));
        if (status != STATUS_OK)
            return status;
        into.from = input;
    }
    return open_and_store(&into);
}
