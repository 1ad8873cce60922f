/* error.c: see include/ps/error.h */
#include <ps/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/guard.h"

__thread int ps_guard_depth __attribute__((tls_model("initial-exec")));

PS_API int ps_error_set(struct ps_error *err, int code, int sys_errno, const char *format, ...)
{
    int saved = errno;
    size_t used;
    va_list arguments;

    if (err == NULL || err->code != 0)
        return code;
    err->code = code;
    err->sys_errno = sys_errno;
    va_start(arguments, format);
    vsnprintf(err->message, sizeof(err->message), format, arguments);
    va_end(arguments);
    used = strlen(err->message);
    if (sys_errno != 0 && used < sizeof(err->message))
        snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(sys_errno));
    /* messages quote paths and proxies: a control character must not reach a terminal or log */
    for (char *c = err->message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    errno = saved;
    return code;
}

PS_API void ps_error_clear(struct ps_error *err)
{
    if (err == NULL)
        return;
    err->code = 0;
    err->sys_errno = 0;
    err->message[0] = '\0';
}

PS_API int ps_error_errno(int code)
{
    switch (code) {
    case 0:
        return 0;
    case PS_E_INVALID:
        return EINVAL;
    case PS_E_NOMEM:
        return ENOMEM;
    case PS_E_NOT_FOUND:
        return ENOENT;
    case PS_E_UNSUPPORTED:
        return EOPNOTSUPP;
    case PS_E_REFUSED:
        return EACCES;
    case PS_E_STALE:
        return ESTALE;
    default:
        return EIO;
    }
}
