/*
 * trace.c: what is asked of a store, and what it answers, line by line
 *
 * trace+<URL>. Each call is appended to the file that PS_TRACE names, as
 *
 *     TIME PID CALL KEY OFFSET SIZE DURATION RESULT
 *
 * Without PS_TRACE nothing is written. A file is no option: a proxy would make
 * its reader write where its author likes. Each line is one write to a
 * file that is opened to append, so many threads and processes may share it.
 * A line that can't be written is lost: the call counts, not its trace.
 */
#include "../wrap/wrap.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONE UINT64_MAX /* no offset, no size; it is "-" in a line */

enum { KEY_ROOM = 3 * PS_URI_MAX, LINE_ROOM = KEY_ROOM + 256 };

struct trace {
    struct wrap wrap;
    int fd; /* of the file, held; negative: nothing is written */
    dev_t device;
    ino_t inode;
};

/* A call that is under way. */
struct call {
    const char *name;
    const char *key;
    uint64_t offset, size;
    uint64_t began;       /* on the clock of module_now */
    struct timespec time; /* of day, of its begin */
    struct ps_error err;  /* apart, as the caller's may hold an older one */
};

static struct call begin(const char *name, const char *key, uint64_t offset, uint64_t size)
{
    struct call call = {.name = name, .key = key, .offset = offset, .size = size};

    clock_gettime(CLOCK_REALTIME, &call.time);
    call.began = module_now();
    return call;
}

/* As in a URI, so that a key is one word and no more than that, whatever is in it. */
static void encode_key(char *out, size_t size, const char *key)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    size_t used = 0;

    for (; *key != '\0' && used + 4 <= size; key++)
        if (strchr(plain, *key) != NULL)
            out[used++] = *key;
        else
            used += (size_t)sprintf(out + used, "%%%02X", (unsigned char)*key);
    out[used] = '\0';
}

static const char *number(char out[24], uint64_t value)
{
    if (value == NONE)
        return "-";
    sprintf(out, "%" PRIu64, value);
    return out;
}

static void name_result(char out[48], const struct call *call, int result)
{
    static const char *const names[] = {
        [-PS_E_INVALID] = "INVALID",     [-PS_E_NOMEM] = "NOMEM",
        [-PS_E_NOT_FOUND] = "NOT_FOUND", [-PS_E_UNAVAILABLE] = "UNAVAILABLE",
        [-PS_E_CORRUPT] = "CORRUPT",     [-PS_E_UNSUPPORTED] = "UNSUPPORTED",
        [-PS_E_SYSTEM] = "SYSTEM",       [-PS_E_REFUSED] = "REFUSED",
        [-PS_E_STALE] = "STALE",
    };
    bool is_known = result < 0 && result > -(int)(sizeof(names) / sizeof(names[0]));

    if (result >= 0)
        strcpy(out, strcmp(call->name, "exists") != 0 ? "ok" : result > 0 ? "yes" : "no");
    else if (call->err.sys_errno != 0)
        sprintf(out, "%s/%d", is_known ? names[-result] : "?", call->err.sys_errno);
    else
        strcpy(out, is_known ? names[-result] : "?");
}

/* The number may have been closed behind libps's back, and be another file of the program's now. */
static bool is_ours(const struct trace *trace)
{
    struct stat st;

    return fstat(trace->fd, &st) == 0 && st.st_dev == trace->device && st.st_ino == trace->inode;
}

/* Writes the line of a call that gave result, and gives it to the caller. */
static int end(const struct trace *trace, const struct call *call, int result, struct ps_error *err)
{
    char line[LINE_ROOM], key[KEY_ROOM], offset[24], size[24], said[48];
    uint64_t took = (module_now() - call->began) / 1000;
    int length;

    if (trace->fd >= 0) {
        encode_key(key, sizeof(key), call->key);
        name_result(said, call, result);
        /* whole numbers only: the program's locale may have a decimal comma */
        length = snprintf(line, sizeof(line),
                          "%lld.%06ld %ld %s %s %s %s %" PRIu64 ".%06" PRIu64 " %s\n",
                          (long long)call->time.tv_sec, call->time.tv_nsec / 1000, (long)getpid(),
                          call->name, key, number(offset, call->offset), number(size, call->size),
                          took / 1000000, took % 1000000, said);
        if (is_ours(trace))
            module_write(trace->fd, line, (size_t)length, -1);
    }
    return result < 0 ? wrap_hand_on(err, &call->err, result) : result;
}

/* Regular files only: a pipe that nobody reads would make the program wait, or end it. */
static int open_file(struct trace *trace, struct ps_error *err)
{
    const char *path = secure_getenv("PS_TRACE");
    struct stat st;
    int fd;

    trace->fd = -1;
    if (path == NULL || path[0] == '\0')
        return 0;
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int error = errno;

        if (fd >= 0)
            close(fd);
        return ps_error_set(err, PS_E_SYSTEM, error, "PS_TRACE: opening %.150s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return ps_error_set(err, PS_E_INVALID, 0, "PS_TRACE: %.150s is no regular file", path);
    }
    trace->device = st.st_dev;
    trace->inode = st.st_ino;
    trace->fd = ps_backend_hold(fd, err);
    return trace->fd < 0 ? trace->fd : 0;
}

static void close_file(const struct trace *trace)
{
    if (trace->fd >= 0)
        ps_backend_unhold(trace->fd);
}

static int trace_open(void **handle, const char *url, struct ps_error *err)
{
    struct trace *trace = calloc(1, sizeof(*trace));
    struct call call = begin("open", "-", NONE, NONE);
    int result;

    if (trace == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening a trace+ store");
    result = open_file(trace, err);
    if (result < 0) {
        free(trace);
        return result;
    }
    result = end(trace, &call, wrap_open(&trace->wrap, url, &call.err), err);
    if (result < 0) {
        close_file(trace);
        free(trace);
        return result;
    }
    *handle = trace;
    return 0;
}

static void trace_close(void *handle)
{
    struct trace *trace = handle;
    struct call call = begin("close", "-", NONE, NONE);

    wrap_close(&trace->wrap);
    end(trace, &call, 0, NULL);
    close_file(trace);
    free(trace);
}

static int trace_stat(void *handle, const char *key, struct ps_object_info *info,
                      struct ps_error *err)
{
    struct trace *trace = handle;
    struct call call = begin("stat", key, NONE, NONE);
    int result = wrap_stat(&trace->wrap, key, info, &call.err);

    if (result == 0)
        call.size = info->size;
    return end(trace, &call, result, err);
}

static int trace_read(void *handle, const char *key, const struct ps_object_info *expected,
                      void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    struct trace *trace = handle;
    struct call call = begin("read", key, offset, size);
    int result = wrap_read(&trace->wrap, key, expected, buffer, size, offset, &call.err);

    return end(trace, &call, result, err);
}

static int trace_put(void *handle, const char *key, const struct ps_content *content,
                     struct ps_object_info *info, struct ps_error *err)
{
    struct trace *trace = handle;
    struct call call = begin("put", key, NONE, content->size);
    int result = wrap_put(&trace->wrap, key, content, info, &call.err);

    return end(trace, &call, result, err);
}

static int trace_exists(void *handle, const char *key, struct ps_error *err)
{
    struct trace *trace = handle;
    struct call call = begin("exists", key, NONE, NONE);
    int result = wrap_exists(&trace->wrap, key, &call.err);

    return end(trace, &call, result, err);
}

static int trace_evict(void *handle, const char *key, struct ps_error *err)
{
    struct trace *trace = handle;
    struct call call = begin("evict", key, NONE, NONE);
    int result = wrap_evict(&trace->wrap, key, &call.err);

    return end(trace, &call, result, err);
}

static int trace_descriptor(void *handle, const char *key, const struct ps_object_info *expected,
                            struct ps_error *err)
{
    struct trace *trace = handle;
    struct call call = begin("descriptor", key, NONE, NONE);
    int result = wrap_descriptor(&trace->wrap, key, expected, &call.err);

    return end(trace, &call, result, err);
}

static int trace_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err)
{
    struct trace *trace = handle;
    struct call call = begin("list", "-", NONE, NONE);
    int result = wrap_list(&trace->wrap, each, context, &call.err);

    return end(trace, &call, result, err);
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL | PS_BACKEND_WRAPPER,
    .name = "trace",
    .schemes = "trace",
    .help = "",
    .open = trace_open,
    .close = trace_close,
    .stat = trace_stat,
    .read = trace_read,
    .put = trace_put,
    .exists = trace_exists,
    .evict = trace_evict,
    .descriptor = trace_descriptor,
    .list = trace_list,
    .forget = wrap_forget,
    .distrust = wrap_distrust,
    .place = wrap_place,
    .parts = wrap_parts,
    .check = wrap_check,
};

PS_API const struct ps_backend *ps_backend_init(uint32_t api_version)
{
    return api_version == PS_BACKEND_API ? &backend : NULL;
}
