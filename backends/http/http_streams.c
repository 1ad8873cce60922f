/*
 * http_streams.c: the streams of a store
 *
 * Each has a file, and a connection until it is whole, though nobody may need more of it: who has
 * read it is not told of. So the ones that were not read for long go, and come again from their
 * start if they are needed after all, in the same version. One without a version could be another
 * object then: it stays.
 */
#include "http_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

enum { STREAMS_MOST = 32 }; /* that nobody reads just now */

static const uint64_t wait_most = 3600 * SECOND;

/* --- one of them ----------------------------------------------------------------------- */

static void stream_free(struct http_stream *stream)
{
    http_stream_end(stream);
    ps_backend_unhold(stream->file);
    pthread_mutex_destroy(&stream->lock);
    pthread_cond_destroy(&stream->moved);
    free(stream->key);
    free(stream);
}

/* Some file systems have no files without a name: it loses the one that it gets. */
static int open_file(void)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];
    int fd;

    if (folder == NULL || folder[0] != '/')
        folder = "/tmp";
    fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && snprintf(path, sizeof(path), "%s/libps-XXXXXX", folder) < (int)sizeof(path)) {
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
    }
    return fd < 0 ? -1 : ps_backend_hold(fd, NULL);
}

static struct http_stream *stream_new(const char *key, const struct ps_object_info *info)
{
    struct http_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL)
        return NULL;
    stream->info = *info;
    stream->size = info->size;
    stream->wait_ns = SECOND;
    stream->again_ns = module_now() + stream->wait_ns;
    stream->key = strdup(key);
    stream->file = open_file();
    pthread_mutex_init(&stream->lock, NULL);
    pthread_cond_init(&stream->moved, NULL);
    if (stream->key != NULL && stream->file >= 0)
        return stream;
    stream_free(stream);
    return NULL;
}

/* --- all of them ------------------------------------------------------------------------ */

static void free_all(struct http_stream *streams)
{
    while (streams != NULL) {
        struct http_stream *stream = streams;

        streams = stream->next;
        stream_free(stream);
    }
}

/* Those that may go: to be freed without the lock. */
static struct http_stream *take_unread(struct http_store *store)
{
    struct http_stream *taken = NULL, *stream, **at = &store->streams;
    uint64_t now = module_now();
    unsigned kept = 0;

    while ((stream = *at) != NULL) {
        bool may_go = stream->users == 0 && stream->info.version[0] != '\0';
        bool is_paused =
            !atomic_load(&stream->is_whole) && now - stream->used_ns > store->timeout_ns;

        if (may_go && (is_paused || stream->is_over || ++kept > STREAMS_MOST)) {
            *at = stream->next;
            stream->next = taken;
            taken = stream;
        } else {
            at = &stream->next;
        }
    }
    return taken;
}

/* Others of its key stay, as somebody may be reading. */
static struct http_stream **find(struct http_store *store, const char *key,
                                 const struct ps_object_info *info)
{
    struct http_stream **at = &store->streams;

    while (*at != NULL && (strcmp((*at)->key, key) != 0 || (*at)->info.size != info->size ||
                           strcmp((*at)->info.version, info->version) != 0))
        at = &(*at)->next;
    return at;
}

struct http_stream *http_stream_get(struct http_store *store, const char *key,
                                    const struct ps_object_info *info, struct ps_error *err)
{
    struct http_stream *stream, **at;

    pthread_mutex_lock(&store->lock);
    at = find(store, key, info);
    stream = *at;
    if (stream != NULL)
        *at = stream->next;
    else
        stream = stream_new(key, info);
    if (stream != NULL) {
        stream->next = store->streams;
        store->streams = stream;
        stream->users++;
        stream->is_over = false;
        stream->used_ns = module_now();
    }
    pthread_mutex_unlock(&store->lock);
    if (stream == NULL)
        ps_error_set(err, PS_E_SYSTEM, errno, "no file to keep '%.100s' in", key);
    return stream;
}

void http_stream_put(struct http_store *store, struct http_stream *stream)
{
    pthread_mutex_lock(&store->lock);
    stream->users--;
    stream->used_ns = module_now();
    pthread_mutex_unlock(&store->lock);
}

/* What is far behind what has come, and where another answer is of the same version. */
static bool is_worth_asking(const struct http_stream *stream, uint64_t until)
{
    return stream->info.version[0] != '\0' && !atomic_load(&stream->is_whole) &&
           until > atomic_load(&stream->come) + HTTP_STREAM_WORTH;
}

enum http_way http_stream_way(struct http_store *store, const char *key,
                              const struct ps_object_info *expected, uint64_t until)
{
    enum http_way way = HTTP_BY_STREAM;
    uint64_t now = module_now();
    struct http_stream *stream, *unread;

    pthread_mutex_lock(&store->lock);
    stream = *find(store, key, expected);
    if (stream != NULL)
        stream->used_ns = now;
    if (stream == NULL || stream->is_over) {
        way = HTTP_BY_RANGE;
    } else if (now >= stream->again_ns && is_worth_asking(stream, until)) {
        stream->wait_ns = stream->wait_ns < wait_most ? 2 * stream->wait_ns : wait_most;
        stream->again_ns = now + stream->wait_ns;
        way = HTTP_BY_EITHER;
    }
    unread = take_unread(store);
    pthread_mutex_unlock(&store->lock);
    free_all(unread);
    return way;
}

void http_stream_over(struct http_store *store, const char *key,
                      const struct ps_object_info *expected)
{
    struct http_stream *stream;

    pthread_mutex_lock(&store->lock);
    stream = *find(store, key, expected);
    if (stream != NULL)
        stream->is_over = true;
    pthread_mutex_unlock(&store->lock);
}

void http_streams_close(struct http_store *store)
{
    free_all(store->streams);
    store->streams = NULL;
}
