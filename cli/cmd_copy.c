/* cmd_copy.c: psctl copy: an object into another store, with a proxy of its own there */
#include "psctl.h"

static int check_proxy(const char *argument)
{
    struct ps_proxy proxy;
    struct ps_error err = {0};

    if (load_proxy(&proxy, argument, &err) < 0 || is_refused(argument, &err))
        return fail("%s", err.message);
    return STATUS_OK;
}

int cmd_copy(const struct command *self, int argc, char **argv)
{
    /* the name that put would choose may be that of the proxy itself */
    static const struct source object = {check_proxy, ps_store_copy, 1, 0};

    return into_store(self, argc, argv, &object);
}
