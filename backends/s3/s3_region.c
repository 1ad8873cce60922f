/*
 * s3_region.c: where a bucket is; see s3.h
 *
 * Who asks in another region than the bucket's is told which one it is. That is
 * all that is taken from an answer: no host but Amazon's gets a request instead.
 */
#include "s3.h"

#include <stdio.h>
#include <string.h>

const char *s3_domain(const char *region)
{
    return strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";
}

void s3_host(char *out, size_t size, const char *bucket, const char *region)
{
    if (strchr(bucket, '.') != NULL)
        snprintf(out, size, "https://s3.%s.%s", region, s3_domain(region));
    else
        snprintf(out, size, "https://%s.s3.%s.%s", bucket, region, s3_domain(region));
}

void s3_home_region(char region[S3_TEXT_MAX])
{
    s3_setting(region, S3_TEXT_MAX, "AWS_REGION", "AWS_DEFAULT_REGION", "region");
    if (region[0] == '\0')
        strcpy(region, "us-east-1");
}

void s3_get_region(struct s3_store *store, char region[S3_TEXT_MAX])
{
    pthread_mutex_lock(&store->http.lock);
    strcpy(region, store->region);
    pthread_mutex_unlock(&store->http.lock);
}

/* It becomes a part of a host. */
static bool is_region(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size < 64 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

/* Of "bucket.s3.REGION.amazonaws.com", or of the older "s3-REGION" in it */
static void region_of_host(char region[S3_TEXT_MAX], char host[S3_TEXT_MAX])
{
    char *end = strstr(host, ".amazonaws.com"), *at;

    if (end == NULL)
        return;
    *end = '\0';
    at = strrchr(host, '.');
    at = at != NULL ? at + 1 : host;
    if (strncmp(at, "s3-", 3) == 0)
        at += 3;
    strcpy(region, strcmp(at, "s3") == 0 ? "us-east-1" : at);
}

static bool read_region(char region[S3_TEXT_MAX], const struct http_reply *reply)
{
    char host[S3_TEXT_MAX];

    strcpy(region, reply->region);
    if (region[0] == '\0')
        http_element(region, S3_TEXT_MAX, reply->page, "Region");
    if (region[0] == '\0') {
        http_element(host, sizeof(host), reply->page, "Endpoint");
        region_of_host(region, host);
    }
    return is_region(region);
}

/* Under http.lock, as requests read the folder. */
static void move_to(struct s3_store *store, const char *region)
{
    char *folder = store->http.folder, moved[sizeof(store->http.folder)];
    size_t host = strlen("https://");

    strcpy(store->region, region);
    store->moved_ns = module_now();
    if (store->bucket[0] == '\0')
        return; /* the endpoint is the user's word */
    host += strcspn(folder + host, "/");
    s3_host(moved, sizeof(moved), store->bucket, region);
    if (strlen(moved) + strlen(folder + host) < sizeof(moved))
        strcpy(folder, strcat(moved, folder + host));
}

int s3_follow(struct s3_store *store, const struct http_transfer *transfer)
{
    const struct http_reply *reply = &transfer->reply;
    char region[S3_TEXT_MAX];
    int result = 1;

    if ((reply->status != 301 && reply->status != 307 && reply->status != 400) ||
        !read_region(region, reply))
        return 0;
    pthread_mutex_lock(&store->http.lock);
    if (strcmp(region, store->region) != 0)
        move_to(store, region);
    else /* another thread was told so since this one asked */
        result = store->moved_ns >= transfer->begun_ns;
    pthread_mutex_unlock(&store->http.lock);
    return result;
}
