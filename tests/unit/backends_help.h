/* backends_help.h: what the tests of the backends share */
#ifndef BACKENDS_HELP_H
#define BACKENDS_HELP_H

#include <criterion/criterion.h>

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ps/backend.h>

#include "redis_help.h"
#include "s3_help.h"

/* An open backend, its last error, and a folder of the test's own. */
struct place {
    const struct ps_backend *b;
    void *h;
    struct ps_error err;
    char folder[64];
    pid_t server; /* 0: the URL needs none */
};

/* The path of what is beside the test program. */
static inline void beside(char path[PATH_MAX], const char *name)
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 32);

    cr_assert_gt(length, 0);
    path[length] = '\0';
    dirname(path);
    strcat(path, name);
}

/* Modules are in libps/ beside the test program, those of examples/ in tests/. */
static inline void use_modules(const char *folder)
{
    char path[PATH_MAX];

    beside(path, folder);
    setenv("PS_BACKEND_PATH", path, 1);
}

static inline pid_t start_server(const struct place *p, const char *format)
{
    char path[PATH_MAX];

    if (strstr(format, "redis://") != NULL)
        return start_redis(p->folder);
    if (strstr(format, "s3://") == NULL)
        return 0;
    beside(path, "/tests/s3_stand_in.py");
    return start_s3(path);
}

static inline void use_built_modules(void)
{
    use_modules("/libps");
}

static inline void make_folder(struct place *p)
{
    memset(p, 0, sizeof(*p));
    strcpy(p->folder, "/tmp/ps-unit-XXXXXX");
    cr_assert_not_null(mkdtemp(p->folder));
}

/* The path of a file in the test's folder, until the next call. */
static inline const char *path_in(const struct place *p, const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", p->folder, name);
    return path;
}

/* Opens a URL in which the first "%s" becomes the test's folder. */
static inline int try_place(struct place *p, const char *format)
{
    const char *hole = strstr(format, "%s");
    char url[512];

    if (p->folder[0] == '\0')
        make_folder(p);
    setenv("PS_CACHE", path_in(p, "cache"), 1); /* for cache+ */
    use_modules(strncmp(format, "dvc:", 4) == 0 ? "/tests" : "/libps");
    if (hole == NULL)
        snprintf(url, sizeof(url), "%s", format);
    else
        snprintf(url, sizeof(url), "%.*s%s%s", (int)(hole - format), format, p->folder, hole + 2);
    if (p->server == 0)
        p->server = start_server(p, format);
    ps_error_clear(&p->err);
    return ps_backend_open(&p->b, &p->h, url, &p->err);
}

static inline void open_place(struct place *p, const char *format)
{
    memset(p, 0, sizeof(*p));
    cr_assert_eq(try_place(p, format), 0, "%s: %s", format, p->err.message);
}

static inline void close_place(struct place *p)
{
    char command[128];

    if (p->h != NULL)
        p->b->close(p->h);
    if (p->server != 0)
        stop_server(p->server);
    snprintf(command, sizeof(command), "rm -rf '%s'", p->folder);
    cr_assert_eq(system(command), 0);
}

static inline void write_file(const struct place *p, const char *name, const char *text)
{
    FILE *file = fopen(path_in(p, name), "w");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static inline int count_files(const struct place *p, const char *pattern)
{
    char command[256], answer[32] = "";
    FILE *pipe;

    snprintf(command, sizeof(command), "find '%s' -name '%s' | wc -l", p->folder, pattern);
    pipe = popen(command, "r");
    cr_assert(pipe && fgets(answer, sizeof(answer), pipe));
    pclose(pipe);
    return atoi(answer);
}

/* The byte at offset of the content number seed. */
static inline unsigned char byte_at(uint64_t offset, unsigned seed)
{
    return (unsigned char)((offset * 2654435761U >> 13 ^ offset) + seed * 37U + 1);
}

struct pattern {
    struct ps_content content;
    unsigned seed;
};

static inline int read_pattern(const struct ps_content *content, void *buffer, size_t size,
                               uint64_t offset, struct ps_error *err)
{
    unsigned seed = ((const struct pattern *)(const void *)content)->seed;

    (void)err;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] = byte_at(offset + i, seed);
    return 0;
}

static inline int put(struct place *p, const char *key, uint64_t size, unsigned seed,
                      struct ps_object_info *info)
{
    struct pattern pattern = {.content = {.size = size, .read = read_pattern}, .seed = seed};

    ps_error_clear(&p->err);
    return p->b->put(p->h, key, &pattern.content, info, &p->err);
}

/* Where the first wrong byte is, or size. */
static inline size_t first_wrong(const unsigned char *bytes, size_t size, uint64_t offset,
                                 unsigned seed)
{
    size_t i = 0;

    while (i < size && bytes[i] == byte_at(offset + i, seed))
        i++;
    return i;
}

static inline int read_some(struct place *p, const char *key, const struct ps_object_info *info,
                            void *buffer, size_t size, uint64_t offset)
{
    ps_error_clear(&p->err);
    return p->b->read(p->h, key, info, buffer, size, offset, &p->err);
}

/* Reads a range and compares all of it. */
static inline void expect_bytes(struct place *p, const char *key, const struct ps_object_info *info,
                                size_t size, uint64_t offset, unsigned seed)
{
    unsigned char *buffer = malloc(size + 1);

    buffer[size] = 0xa5;
    cr_assert_eq(read_some(p, key, info, buffer, size, offset), 0, "%s", p->err.message);
    cr_assert_eq(first_wrong(buffer, size, offset, seed), size);
    cr_assert_eq(buffer[size], 0xa5, "wrote past the buffer");
    free(buffer);
}

#define expect_code(p, call, wanted)                                                               \
    do {                                                                                           \
        int code_;                                                                                 \
        ps_error_clear(&(p)->err);                                                                 \
        code_ = (call);                                                                            \
        cr_assert_eq(code_, wanted, "%s is %d (%s), not %s", #call, code_, (p)->err.message,       \
                     #wanted);                                                                     \
        cr_assert((p)->err.code == code_ && (p)->err.message[0], "%s: error not filled", #call);   \
    } while (0)

#endif
