/*
 * memory.c: objects in the memory of this process
 *
 * memory://name?computed=SIZE. Handles on one name share its objects, which
 * live until they are evicted or the process ends; a forked child has its own
 * copy of all. With computed= every key exists, see computed.h.
 */
#include <ps/backend.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "computed.h"
#include "memory_space.h"

extern const struct ps_backend ps_backend_memory;

#define COMPUTED_MAX     (UINT64_C(1) << 62)
#define COMPUTED_VERSION "computed-1"

struct memory {
    struct memory_space *space;
    uint64_t computed;
    bool is_computed;
};

static int take_options(struct memory *memory, char *url, struct ps_error *err)
{
    char value[64];
    int result = ps_url_option(url, "computed", value, sizeof(value), err);

    if (result < 0)
        return result;
    memory->is_computed = result == 1;
    if (memory->is_computed && (result = ps_parse_size(&memory->computed, value, err)) < 0)
        return result;
    if (memory->computed > COMPUTED_MAX)
        return ps_error_set(err, PS_E_INVALID, 0, "computed=%s is more than 2^62 bytes", value);
    return ps_url_end_options(url, err);
}

static int memory_open(void **handle, const char *url, struct ps_error *err)
{
    static const char scheme[] = "memory://";
    struct memory memory = {0};
    char copy[PS_URI_MAX];
    size_t length;
    int result;

    if (strncmp(url, scheme, strlen(scheme)) != 0 || strlen(url) >= sizeof(copy))
        return ps_error_set(err, PS_E_INVALID, 0, "not a memory://name URL: '%.150s'", url);
    strcpy(copy, url);
    result = take_options(&memory, copy, err);
    if (result < 0)
        return result;
    length = strcspn(copy + strlen(scheme), "?");
    while (length > 0 && copy[strlen(scheme) + length - 1] == '/')
        length--;
    memory.space = ps_memory_space(copy + strlen(scheme), length);
    *handle = malloc(sizeof(memory));
    if (memory.space == NULL || *handle == NULL) {
        free(*handle);
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "opening '%.150s'", url);
    }
    memcpy(*handle, &memory, sizeof(memory));
    return 0;
}

static void memory_close(void *handle)
{
    free(handle);
}

static int missing(const struct memory *memory, const char *key, struct ps_error *err)
{
    return ps_error_set(err, PS_E_NOT_FOUND, 0, "no object memory://%.80s/%.100s in this process",
                        memory->space->name, key);
}

static int check_key(const char *key, struct ps_error *err)
{
    if (key[0] == '\0' || strchr(key, '/') || strcmp(key, ".") == 0 || strcmp(key, "..") == 0)
        return ps_error_set(err, PS_E_INVALID, 0,
                            "'%.150s' can't be a key: empty, a folder, or with a slash", key);
    return 0;
}

/* Fills info, and *object (to be released; NULL when computed) unless it is NULL. */
static int look_up(struct memory *memory, const char *key, struct ps_object_info *info,
                   struct memory_object **object, struct ps_error *err)
{
    struct memory_object *found = NULL;
    int result = check_key(key, err);

    if (result < 0)
        return result;
    if (memory->is_computed) {
        *info = (struct ps_object_info){.size = memory->computed, .version = COMPUTED_VERSION};
    } else {
        found = ps_memory_take(memory->space, key);
        if (found == NULL)
            return missing(memory, key, err);
        *info = found->info;
    }
    if (object != NULL)
        *object = found;
    else
        ps_memory_release(found);
    return 0;
}

static int memory_stat(void *handle, const char *key, struct ps_object_info *info,
                       struct ps_error *err)
{
    return look_up(handle, key, info, NULL, err);
}

static int memory_read(void *handle, const char *key, const struct ps_object_info *expected,
                       void *buffer, size_t size, uint64_t offset, struct ps_error *err)
{
    struct ps_object_info info;
    struct memory_object *object = NULL;
    int result = look_up(handle, key, &info, &object, err);

    if (result < 0)
        return result;
    if ((info.size != expected->size && expected->size != PS_SIZE_UNKNOWN) ||
        (expected->version[0] && strcmp(info.version, expected->version) != 0))
        result = ps_error_set(err, PS_E_STALE, 0, "memory object '%.100s' was replaced", key);
    else if (offset > info.size || size > info.size - offset)
        result =
            ps_error_set(err, PS_E_CORRUPT, 0, "memory object '%.100s' ends before byte %" PRIu64,
                         key, offset + size);
    else if (object == NULL)
        ps_computed_fill(buffer, size, offset);
    else if (size > 0)
        memcpy(buffer, object->bytes + offset, size);
    ps_memory_release(object);
    return result;
}

static int memory_put(void *handle, const char *key, const struct ps_content *content,
                      struct ps_object_info *info, struct ps_error *err)
{
    struct memory *memory = handle;
    struct memory_object *object;
    int result = check_key(key, err);

    if (result < 0)
        return result;
    if (memory->is_computed)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "computed objects can't be put");
    object = ps_memory_object(key, content->size);
    if (object == NULL)
        return ps_error_set(err, PS_E_NOMEM, errno, "memory object '%.100s' of %" PRIu64 " bytes",
                            key, content->size);
    if (content->size > 0)
        result = content->read(content, object->bytes, content->size, 0, err);
    if (result == 0) {
        atomic_fetch_add(&object->users, 1); /* once it is in the list, anybody may evict it */
        ps_memory_exchange(memory->space, key, object);
        *info = object->info;
    }
    ps_memory_release(object);
    return result;
}

static int memory_evict(void *handle, const char *key, struct ps_error *err)
{
    struct memory *memory = handle;
    int result = check_key(key, err);

    if (result < 0)
        return result;
    if (memory->is_computed)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "computed objects can't be evicted");
    ps_memory_exchange(memory->space, key, NULL);
    return 0;
}

static int memory_exists(void *handle, const char *key, struct ps_error *err)
{
    struct ps_object_info info;
    struct ps_error ignored = {0};
    int result = look_up(handle, key, &info, NULL, &ignored);

    if (result == PS_E_NOT_FOUND)
        return 0;
    return result < 0 ? ps_error_set(err, result, 0, "%s", ignored.message) : 1;
}

static int memory_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err)
{
    struct memory *memory = handle;
    struct memory_object **all;
    int result = 0;

    if (memory->is_computed)
        return ps_error_set(err, PS_E_UNSUPPORTED, 0, "computed objects have all keys");
    all = ps_memory_all(memory->space);
    if (all == NULL)
        return ps_error_set(err, PS_E_NOMEM, errno, "listing memory://%.80s", memory->space->name);
    for (size_t i = 0; all[i] != NULL; i++) {
        if (result == 0)
            result = each(context, all[i]->key, &all[i]->info);
        ps_memory_release(all[i]);
    }
    free(all);
    return result;
}

const struct ps_backend ps_backend_memory = {
    .struct_size = sizeof(struct ps_backend),
    .api_version = PS_BACKEND_API,
    .flags = PS_BACKEND_PARALLEL | PS_BACKEND_INSTANT,
    .name = "memory",
    .schemes = "memory",
    .help = "computed=SIZE: every key exists, with bytes computed from their offset\n",
    .open = memory_open,
    .close = memory_close,
    .stat = memory_stat,
    .read = memory_read,
    .put = memory_put,
    .exists = memory_exists,
    .evict = memory_evict,
    .list = memory_list,
};
