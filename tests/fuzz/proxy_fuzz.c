/*
 * proxy_fuzz.c: any text is a proxy that survives writing and reading, or an error
 *
 * The first byte chooses the spelling, so that short inputs reach the body of
 * a proxy file: 'F' puts the rest between the magic line and the padding.
 */
#include <ps/proxy.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good, const char *what, const struct ps_error *err)
{
    if (good)
        return;
    fprintf(stderr, "proxy_fuzz: %s: %s\n", what, err->message);
    abort();
}

static void check_same(const struct ps_proxy *a, const char *text, size_t length)
{
    struct ps_error err = {0};
    struct ps_proxy b;

    check(ps_proxy_parse(&b, text, length, &err) == 0, "what was written is not read", &err);
    check(strcmp(a->object, b.object) == 0 && strcmp(a->version, b.version) == 0 &&
              strcmp(a->digest, b.digest) == 0 && strcmp(a->store, b.store) == 0 &&
              strcmp(a->extra, b.extra) == 0 && a->size == b.size && a->offset == b.offset &&
              a->has_size == b.has_size,
          "it changed on its way", &err);
}

static void try_text(const char *text, size_t length)
{
    struct ps_error err = {0};
    struct ps_proxy proxy;
    char file[PS_PROXY_FILE_SIZE], uri[PS_PROXY_FILE_SIZE + 1];
    int status = ps_proxy_parse(&proxy, text, length, &err);

    check(status == err.code, "status and error differ", &err);
    if (status != 0) {
        check(err.message[0] != '\0', "an error without a message", &err);
        return;
    }
    if (ps_proxy_format(&proxy, uri, sizeof(uri), &err) == 0)
        check_same(&proxy, uri, strlen(uri));
    else /* encoded, unknown keys can be longer than a URI may be */
        check(strstr(err.message, "does not fit") != NULL, "no URI", &err);
    if (!proxy.has_size)
        return;
    check(ps_proxy_format_file(&proxy, file, &err) == 0, "no proxy file", &err);
    check_same(&proxy, file, sizeof(file));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[PS_PROXY_FILE_SIZE];
    size_t most = sizeof(text) - PS_PROXY_MAGIC_SIZE;
    char *copy;

    if (size > 0 && data[0] == 'F') {
        memset(text, '\n', sizeof(text));
        memcpy(text, PS_PROXY_MAGIC, PS_PROXY_MAGIC_SIZE);
        memcpy(text + PS_PROXY_MAGIC_SIZE, data + 1, size - 1 < most ? size - 1 : most);
        try_text(text, sizeof(text));
        return 0;
    }
    copy = malloc(size ? size : 1); /* its exact size, so that a byte too far is seen */
    if (copy != NULL && size > 0)
        memcpy(copy, data, size);
    if (copy != NULL)
        try_text(copy, size);
    free(copy);
    return 0;
}
