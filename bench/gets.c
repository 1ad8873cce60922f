/*
 * gets.c: what a round trip takes
 *
 *     gets URL COUNT
 *
 * COUNT requests for 4 KiB of it, one after the other, over one connection, by
 * libcurl alone, which signs them where AWS_ACCESS_KEY_ID is set, with
 * AWS_SECRET_ACCESS_KEY and AWS_REGION. Prints trips_ms=<wall time of all>.
 */
#include <curl/curl.h>

#include "random.h"
#include "timing.h"

enum { PAGE = 4096, PAGES = 65536 };

static size_t ignore(char *bytes, size_t one, size_t size, void *unused)
{
    (void)bytes, (void)unused;
    return one * size;
}

static void get(CURL *curl, uint64_t page)
{
    char range[64];

    snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)page * PAGE,
             (unsigned long long)page * PAGE + PAGE - 1);
    curl_easy_setopt(curl, CURLOPT_RANGE, range);
    if (curl_easy_perform(curl) != CURLE_OK) {
        fputs("a page can't be got\n", stderr);
        exit(1);
    }
}

static void sign(CURL *curl, const char *key, const char *secret, const char *region)
{
    char how[64];

    snprintf(how, sizeof(how), "aws:amz:%s:s3", region);
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, how);
    curl_easy_setopt(curl, CURLOPT_USERNAME, key);
    curl_easy_setopt(curl, CURLOPT_PASSWORD, secret);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER,
                     curl_slist_append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD"));
}

int main(int argc, char **argv)
{
    CURL *curl = curl_easy_init();
    uint64_t state = 1;
    struct took begin;

    if (argc != 3 || curl == NULL) {
        fputs("usage: gets URL COUNT\n", stderr);
        return 2;
    }
    curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    if (getenv("AWS_ACCESS_KEY_ID") != NULL)
        sign(curl, getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"),
             getenv("AWS_REGION"));
    get(curl, 0); /* connects */
    begin = now();
    for (int i = 0; i < atoi(argv[2]); i++)
        get(curl, next_random(&state) % PAGES);
    printf("trips_ms=%.1f\n", since(begin).wall / 1e6);
    curl_easy_cleanup(curl);
    return 0;
}
