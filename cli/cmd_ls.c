/* cmd_ls.c: psctl ls: the objects of a store */
#include <getopt.h>

#include "psctl.h"

static int print_text(void *context, const char *key, const struct ps_proxy *proxy)
{
    (void)context;
    print_clean(stdout, key);
    printf("\t%llu\t", (unsigned long long)proxy->size);
    print_clean(stdout, proxy->version);
    putchar('\n');
    return ferror(stdout); /* main tells of it, or SIGPIPE ends it: this thread takes no signal */
}

static int print_json(void *context, const char *key, const struct ps_proxy *proxy)
{
    (void)context;
    fputs("{\"key\": ", stdout);
    json_string(stdout, key);
    json_field("object", proxy->object);
    printf(", \"size\": %llu", (unsigned long long)proxy->size);
    json_field("version", proxy->version);
    fputs("}\n", stdout);
    return ferror(stdout);
}

static int list(const char *name, int is_json)
{
    struct ps_store *store;
    struct ps_error err = {0};
    int result;

    if (ps_store_open(&store, name, &err) < 0)
        return fail("%s", err.message);
    result = ps_store_list(store, is_json ? print_json : print_text, NULL, &err);
    ps_store_close(store);
    return result < 0 ? fail("%s", err.message) : STATUS_OK;
}

int cmd_ls(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    int option, is_json = 0, status = STATUS_USAGE;
    const char *name = NULL;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":jh", options, NULL)) != -1) {
        if (option == 'j')
            is_json = 1;
        else if (option == 'h')
            return show_help(self);
        else
            return bad_option(self, option, argv);
    }
    if (optind < argc && (name = one_operand(self, argc, argv, &status)) == NULL)
        return status;
    return list(name, is_json);
}
