/* cmd_info.c: psctl info: what a proxy says, and whether it is still true */
#include <getopt.h>
#include <string.h>

#include "psctl.h"

/* What the store says. state is one of the words that are printed. */
struct answer {
    const char *state;
    struct ps_proxy now; /* valid unless the state is "missing" */
};

static int ask(struct answer *answer, const char *argument, const struct ps_proxy *proxy,
               struct ps_error *err)
{
    char url[PS_URI_MAX], key[PS_URI_MAX];
    struct ps_store *store;
    int result = open_store_of(&store, proxy->object, url, key, err);

    if (result < 0)
        return result;
    result = ps_store_exists(store, key, err);
    if (result > 0)
        result = ps_store_proxy(store, key, &answer->now, err) < 0 ? err->code : 1;
    ps_store_close(store);
    if (result > 0 && is_elsewhere(argument, proxy, &answer->now, err))
        return err->code;
    if (result == 0 || result == PS_E_NOT_FOUND)
        answer->state = "missing";
    return result == PS_E_NOT_FOUND ? 0 : result;
}

/* is_same: could now be the object that proxy names? A part must fit into the whole. */
static int is_same(const struct ps_proxy *proxy, const struct ps_proxy *now)
{
    if (proxy->version[0] != '\0' && now->version[0] != '\0' &&
        strcmp(proxy->version, now->version) != 0)
        return 0;
    if (proxy->offset > now->size)
        return 0;
    if (!proxy->has_size)
        return 1;
    if (!proxy->has_offset && proxy->offset == 0)
        return proxy->size == now->size;
    return proxy->size <= now->size - proxy->offset;
}

/* cannot_read: asking a store for an object's size says nothing about its first byte */
static int cannot_read(const char *argument, struct ps_error *err)
{
    struct ps_map_options options = {sizeof(options), PS_MAP_READ_ONLY};
    size_t size = 0;
    void *map = ps_lazy_map(argument, &size, &options, err);
    int result = map == NULL ? err->code : 0;

    if (map != NULL && size > 0)
        result = ps_resolve(map, 0, 1, err);
    if (map != NULL)
        ps_unmap(map);
    return result < 0;
}

static int check(struct answer *answer, const char *argument, const struct ps_proxy *proxy)
{
    struct ps_error err = {0};
    int result;

    if (is_refused(argument, &err))
        return fail("%s", err.message);
    result = ask(answer, argument, proxy, &err);
    if (result < 0)
        return fail("%s", err.message);
    if (result > 0 && !is_same(proxy, &answer->now))
        answer->state = "changed";
    else if (result > 0 && cannot_read(argument, &err))
        return fail("%s", err.message);
    else if (result > 0)
        answer->state = "there";
    return STATUS_OK;
}

static void print_field(const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    printf("%-9s", name);
    print_clean(stdout, value);
    putchar('\n');
}

static void print_size(const char *name, uint64_t size)
{
    char text[32];

    printf("%-9s%llu (%s)\n", name, (unsigned long long)size, human_size(size, text, sizeof(text)));
}

/* print_extra: the lines that this release does not know, as they are */
static void print_extra(const char *extra)
{
    for (; *extra != '\0'; extra++)
        putchar(*extra != '\n' && ((unsigned char)*extra < ' ' || *extra == 127) ? '?' : *extra);
}

static void print_text(const struct ps_proxy *proxy, const struct answer *answer)
{
    print_field("object:", proxy->object);
    if (proxy->has_size)
        print_size("size:", proxy->size);
    else
        print_field("size:", "left to the store");
    print_field("version:", proxy->version);
    print_field("digest:", proxy->digest);
    print_field("store:", proxy->store);
    if (proxy->offset != 0)
        print_size("offset:", proxy->offset);
    print_extra(proxy->extra);
    if (answer->state == NULL)
        return;
    print_field("check:", answer->state);
    if (strcmp(answer->state, "changed") == 0) {
        print_size("size now: ", answer->now.size);
        print_field("version now: ", answer->now.version);
    }
}

static void print_json(const struct ps_proxy *proxy, const struct answer *answer)
{
    fputs("{\"object\": ", stdout);
    json_string(stdout, proxy->object);
    if (proxy->has_size)
        printf(", \"size\": %llu", (unsigned long long)proxy->size);
    else
        fputs(", \"size\": null", stdout);
    json_field("version", proxy->version);
    json_field("digest", proxy->digest);
    json_field("store", proxy->store);
    printf(", \"offset\": %llu", (unsigned long long)proxy->offset);
    json_field("extra", proxy->extra);
    if (answer->state != NULL) {
        json_field("check", answer->state);
        if (strcmp(answer->state, "missing") != 0) {
            printf(", \"size_now\": %llu", (unsigned long long)answer->now.size);
            json_field("version_now", answer->now.version);
        }
    }
    fputs("}\n", stdout);
}

int cmd_info(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{"check", no_argument, NULL, 'c'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option, is_checked = 0, is_json = 0, status = STATUS_USAGE;
    struct answer answer = {0};
    struct ps_error err = {0};
    struct ps_proxy proxy;
    const char *argument;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":cjh", options, NULL)) != -1) {
        if (option == 'c')
            is_checked = 1;
        else if (option == 'j')
            is_json = 1;
        else if (option == 'h')
            return show_help(self);
        else
            return bad_option(self, option, argv);
    }
    argument = one_operand(self, argc, argv, &status);
    if (argument == NULL)
        return status;
    if (load_proxy(&proxy, argument, &err) < 0)
        return fail("%s", err.message);
    status = is_checked ? check(&answer, argument, &proxy) : STATUS_OK;
    if (is_json)
        print_json(&proxy, &answer);
    else
        print_text(&proxy, &answer);
    if (answer.state != NULL && strcmp(answer.state, "there") != 0)
        return STATUS_FAILED;
    return status;
}
