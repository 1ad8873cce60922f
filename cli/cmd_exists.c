/* cmd_exists.c: psctl exists: is the object in its store? Said by the status, or as JSON. */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "psctl.h"

static int ask(const char *argument, struct ps_error *err)
{
    char url[PS_URI_MAX], key[PS_URI_MAX];
    struct ps_store *store;
    struct ps_proxy proxy;
    int result;

    if (load_proxy(&proxy, argument, err) < 0 || is_refused(argument, err) ||
        open_store_of(&store, proxy.object, url, key, err) < 0)
        return err->code;
    result = ps_store_exists(store, key, err);
    ps_store_close(store);
    return result;
}

static void print_json(const char *argument, int result, const struct ps_error *err)
{
    fputs("{\"proxy\": ", stdout);
    json_string(stdout, argument);
    printf(", \"exists\": %s", result < 0 ? "null" : result > 0 ? "true" : "false");
    json_field("error", result < 0 ? err->message : "");
    fputs("}\n", stdout);
}

int cmd_exists(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    int option, result, is_json = 0, status = STATUS_USAGE;
    struct ps_error err = {0};
    const char *argument;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":jh", options, NULL)) != -1) {
        if (option == 'j')
            is_json = 1;
        else if (option == 'h')
            return show_help(self);
        else
            return bad_option(self, option, argv);
    }
    argument = one_operand(self, argc, argv, &status);
    if (argument == NULL)
        return status;
    result = ask(argument, &err);
    if (is_json)
        print_json(argument, result, &err);
    if (result < 0) {
        fail("%s", err.message);
        return STATUS_UNKNOWN;
    }
    if (fflush(stdout) != 0) { /* who gets no answer must not take it for that there is none */
        fail("standard output: %s", strerror(errno));
        return STATUS_UNKNOWN;
    }
    return result > 0 ? STATUS_OK : STATUS_FAILED;
}
