/*
 * digest.c: a store that keeps nothing, and says what the digest of an object would be
 *
 * digest://. The version of what is put there is "sha256:<hex>" (FIPS 180-4, by
 * OpenSSL's libcrypto, which uses what instructions the processor has for it).
 * So the core needs no library for it, and loads this when a digest is asked for.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "../module.h"

enum { STEP = 1 << 20 };

static int digest_open(void **handle, const char *url, struct ps_error *err)
{
    *handle = NULL;
    if (strcspn(url, "?") != strlen("digest://"))
        return ps_error_set(err, PS_E_INVALID, 0, "digest:// has no folders");
    return ps_url_end_options(url, err);
}

static void digest_close(void *handle)
{
    (void)handle;
}

static int not_there(const char *key, struct ps_error *err)
{
    return ps_error_set(err, PS_E_NOT_FOUND, 0, "'%.100s': digest:// keeps nothing", key);
}

static int digest_stat(void *handle, const char *key, struct ps_object_info *info,
                       struct ps_error *err)
{
    (void)handle, (void)info;
    return not_there(key, err);
}

static int digest_read(void *handle, const char *key, const struct ps_object_info *expected,
                       void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    (void)handle, (void)expected, (void)buffer, (void)size, (void)offset;
    return not_there(key, err);
}

static int cannot(struct ps_error *err)
{
    return ps_error_set(err, PS_E_SYSTEM, 0, "libcrypto can't make a digest");
}

static int feed(EVP_MD_CTX *context, const struct ps_content *content, struct ps_error *err)
{
    char *step = malloc(STEP);
    int result = step == NULL ? ps_error_set(err, PS_E_NOMEM, 0, "no memory for a digest") : 0;

    for (uint64_t done = 0, size; done < content->size && result == 0; done += size) {
        size = content->size - done < STEP ? content->size - done : STEP;
        result = content->read(content, step, (size_t)size, done, err);
        if (result == 0 && EVP_DigestUpdate(context, step, (size_t)size) != 1)
            result = cannot(err);
    }
    free(step);
    return result;
}

static int digest_put(void *handle, const char *key, const struct ps_content *content,
                      struct ps_object_info *info, struct ps_error *err)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    int result = 0;

    (void)handle, (void)key;
    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        result = cannot(err);
    if (result == 0)
        result = feed(context, content, err);
    if (result == 0 && EVP_DigestFinal_ex(context, hash, &size) != 1)
        result = cannot(err);
    EVP_MD_CTX_free(context);
    if (result < 0)
        return result;
    info->size = content->size;
    strcpy(info->version, "sha256:");
    for (unsigned i = 0; i < size; i++)
        sprintf(info->version + strlen("sha256:") + 2 * (size_t)i, "%02x", hash[i]);
    return 0;
}

static const struct ps_backend backend = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL,
    .name = "digest",
    .schemes = "digest",
    .help = "",
    .open = digest_open,
    .close = digest_close,
    .stat = digest_stat,
    .read = digest_read,
    .put = digest_put,
};

PS_API const struct ps_backend *ps_backend_init(uint32_t api_version)
{
    return api_version == PS_BACKEND_API ? &backend : NULL;
}
