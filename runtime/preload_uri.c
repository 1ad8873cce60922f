/* preload_uri.c: paths that are URIs; see preload.h */
#include "preload.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "backend_registry.h"
#include "base/sys.h"
#include "report.h"
#include "uri_file.h"
#include "work.h"

struct asking {
    struct ps_call call;
    enum ps_uri_use use;
    bool is_asked; /* there was a worker for it */
    int answer;    /* 0, or a negative errno */
    char uri[PATH_MAX], path[PATH_MAX];
    struct ps_error error;
};

/*
 * Programs that know URLs look first whether a file has that name, and archives
 * hold names that look like URLs. They must find none, and be told nothing,
 * unless the user allowed the object; who opens what can be nothing but a URI is
 * told why it can't be. A program may also have a scheme that libps has no
 * backend for.
 */
static bool is_for_others(const struct asking *ask, int code)
{
    const struct ps_backend *backend;

    if (ask->use == PS_URI_WRITE)
        return true;
    if (code != PS_E_REFUSED && code != PS_E_INVALID && code != PS_E_UNSUPPORTED)
        return false;
    if (ask->use != PS_URI_READ)
        return true;
    return code != PS_E_UNSUPPORTED && ps_backend_find(&backend, ask->uri, NULL) < 0;
}

static int ask_on_worker(struct ps_call *call)
{
    struct asking *ask = (struct asking *)call;
    int result;

    ask->is_asked = true;
    ask->answer = -ENOENT;
    if (ps_preload_off())
        return 0;
    result = ps_uri_file(ask->path, ask->uri, &ask->error);
    if (result == 0)
        ask->answer = ask->use == PS_URI_WRITE ? -EROFS : 0;
    return result == PS_E_NOT_FOUND || (result < 0 && is_for_others(ask, result)) ? 0 : result;
}

int ps_preload_uri(char *path, enum ps_uri_use use, const char *call)
{
    struct asking *ask;
    int result;

    if (!ps_backend_may_be(path)) /* most such names: they start no thread */
        return -ENOENT;
    ask = ps_work_memory(sizeof(*ask));
    if (ask == NULL)
        return -ENOMEM;
    ask->use = use;
    strcpy(ask->uri, path); /* all are PATH_MAX bytes */
    result = ps_work_call(&ask->call, ask_on_worker, &ask->error);
    if (result == 0) {
        result = ask->answer;
    } else if (!ask->is_asked && use != PS_URI_READ) {
        result = -ENOENT; /* as in a vforked child: most such names are no URIs */
    } else {
        ps_report_open(ask->uri, &ask->error, call);
        result = ask->error.code == PS_E_INVALID ? -EINVAL : ps_preload_errno(&ask->error);
    }
    strcpy(path, ask->path);
    sys_munmap(ask, sizeof(*ask));
    return result;
}
