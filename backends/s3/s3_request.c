/* s3_request.c: a request that is answered by a small text; see s3.h */
#include "s3.h"

#include <string.h>

int s3_check_key(const char *key, struct ps_error *err)
{
    if (key[0] != '\0' && strcmp(key, ".") != 0 && strcmp(key, "..") != 0 &&
        strchr(key, '/') == NULL)
        return 0;
    return ps_error_set(err, PS_E_INVALID, 0,
                        "'%.100s' can't be a key: what is before its last step is the store's",
                        key);
}

bool s3_take_answer(void *to, const char *bytes, size_t size)
{
    struct s3_answer *answer = to;

    if (size >= sizeof(answer->text) - answer->size)
        return false;
    memcpy(answer->text + answer->size, bytes, size);
    answer->size += size;
    answer->text[answer->size] = '\0';
    return true;
}

int s3_refusal(const struct http_reply *reply, const char *key, struct ps_error *err)
{
    static const char *const damaged[] = {"BadDigest", "XAmzContentSHA256Mismatch"};
    char code[64];

    http_element(code, sizeof(code), reply->page, "Code");
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++)
        if (strcmp(code, damaged[i]) == 0)
            return ps_error_set(err, PS_E_UNAVAILABLE, 0,
                                "'%.100s': other bytes came to the server than were sent (%s)", key,
                                code);
    return http_refusal(reply, key, err);
}

int s3_make(struct http_store *store, struct http_request *request, struct s3_answer *answer,
            char version[PS_VERSION_MAX], struct ps_error *err)
{
    struct http_transfer *transfer = http_transfer_get(store, err);
    int result;

    if (transfer == NULL)
        return err != NULL && err->code != 0 ? err->code : PS_E_NOMEM;
    *answer = (struct s3_answer){.size = 0};
    request->sink = s3_take_answer;
    request->to = answer;
    result = http_get(transfer, request, err);
    if (result == 0 && transfer->reply.status >= 300)
        result = s3_refusal(&transfer->reply, request->key, err);
    if (version != NULL)
        strcpy(version, transfer->reply.tag);
    answer->sum = transfer->reply.sum;
    http_transfer_put(transfer);
    return result;
}

void s3_unquote(char *tag)
{
    static const char *const quotes[] = {"&quot;", "&#34;"};

    for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++)
        for (char *at; (at = strstr(tag, quotes[i])) != NULL;) {
            *at = '"';
            memmove(at + 1, at + strlen(quotes[i]), strlen(at + strlen(quotes[i])) + 1);
        }
}

/* Most servers that have no sums ignore what they are asked about them; some do not. */
static bool refuses_sums(const struct http_reply *reply)
{
    return reply->status == 501 ||
           (reply->status == 400 && strstr(reply->page, "x-amz-checksum") != NULL);
}

int s3_again(struct http_store *http, const struct http_transfer *transfer, struct ps_error *err)
{
    struct s3_store *store = (struct s3_store *)(void *)http;
    char code[64];

    if (refuses_sums(&transfer->reply)) {
        atomic_store(&store->has_no_sums, true);
        return 1;
    }
    http_element(code, sizeof(code), transfer->reply.page, "Code");
    return strcmp(code, "ExpiredToken") == 0 ? s3_renew_login(store, transfer->begun_ns, err)
                                             : s3_follow(store, transfer);
}
