/*
 * s3_put.c: objects that come and go
 *
 * A put is seen when its last request has succeeded, and not before: of one
 * object, or of a multipart upload, some parts of which are on their way at
 * once. A failed upload is aborted, as its parts would be kept, and paid for.
 */
#include "s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define GIVE_UP_NS (UINT64_C(3) * 1000000000)

enum { AT_ONCE = 4, PARTS_MOST = 10000, WAIT_MS = 1000 };

/* --- in parts ----------------------------------------------------------------------------- */

struct upload {
    struct s3_store *store;
    const char *key;
    const struct ps_content *content;
    char id[HTTP_TEXT_MAX]; /* escaped, for queries */
    uint64_t part_size;
    unsigned count;
    char (*tags)[PS_VERSION_MAX]; /* of the parts */
    char (*sums)[S3_HASH_TEXT];   /* the same, where the server wants them; else NULL */
};

/* A part on its way. */
struct part {
    struct http_transfer *transfer; /* NULL: none */
    struct curl_slist *headers;
    struct http_body body;
    struct s3_answer answer;
    unsigned number; /* from 0 */
    bool is_again;   /* it was refused once */
};

/* A server that knows sums says so again, and must then have one of each part. */
static int want_sums(struct upload *upload, const struct http_sum *sum, struct ps_error *err)
{
    if (strcasecmp(sum->kind, "algorithm") != 0 || strcasecmp(sum->text, "SHA256") != 0)
        return 0;
    upload->sums = calloc(upload->count, sizeof(*upload->sums));
    return upload->sums != NULL ? 0
                                : ps_error_set(err, PS_E_NOMEM, ENOMEM, "no memory for an upload");
}

static int begin_upload(struct upload *upload, struct ps_error *err)
{
    struct http_body body = {.text = ""};
    struct http_request request = {.method = "POST",
                                   .key = upload->key,
                                   .query = "?uploads=",
                                   .tells_sum = upload->content->look != NULL,
                                   .body = &body};
    struct s3_answer answer;
    char id[HTTP_TEXT_MAX], *escaped;
    int result = s3_make(&upload->store->http, &request, &answer, NULL, err);

    if (result < 0)
        return result;
    http_element(id, sizeof(id), answer.text, "UploadId");
    escaped = curl_easy_escape(NULL, id, 0);
    if (id[0] == '\0' || escaped == NULL ||
        snprintf(upload->id, sizeof(upload->id), "%s", escaped) >= (int)sizeof(upload->id))
        result =
            ps_error_set(err, PS_E_CORRUPT, 0, "'%.100s': no UploadId in the answer", upload->key);
    curl_free(escaped);
    return result == 0 ? want_sums(upload, &answer.sum, err) : result;
}

static int begin_part(struct upload *upload, struct part *part, CURLM *multi, struct ps_error *err)
{
    uint64_t offset = part->number * upload->part_size, left = upload->content->size - offset;
    char query[2 * HTTP_TEXT_MAX];
    const struct http_request request = {.key = upload->key,
                                         .query = query,
                                         .tells_sum = upload->sums != NULL,
                                         .body = &part->body,
                                         .sink = s3_take_answer,
                                         .to = &part->answer};

    part->transfer = http_transfer_get(&upload->store->http, err);
    if (part->transfer == NULL)
        return PS_E_NOMEM;
    part->answer.size = 0;
    part->body = (struct http_body){
        .content = upload->content,
        .offset = offset,
        .size = left < upload->part_size ? left : upload->part_size,
    };
    snprintf(query, sizeof(query), "?partNumber=%u&uploadId=%s", part->number + 1, upload->id);
    part->headers = http_ask(part->transfer, &request, err);
    if (part->headers == NULL)
        return err->code;
    return curl_multi_add_handle(multi, part->transfer->curl) == CURLM_OK
               ? 0
               : ps_error_set(err, PS_E_NOMEM, 0, "no memory for a part");
}

static void end_part(struct part *part, CURLM *multi)
{
    if (part->transfer == NULL)
        return;
    curl_multi_remove_handle(multi, part->transfer->curl);
    curl_slist_free_all(part->headers);
    http_transfer_put(part->transfer);
    part->transfer = NULL;
    part->headers = NULL;
}

/* 1: it is to be sent once more */
static int take_part(struct upload *upload, struct part *part, CURLcode code, struct ps_error *err)
{
    const struct http_reply *reply = &part->transfer->reply;
    int result;

    if (part->body.error.code < 0)
        return http_body_failed(&part->body, err);
    result = http_failed(part->transfer, code, err);
    if (!part->is_again)
        result = http_again(part->transfer, result, err);
    if (result == 0 && reply->status != 200)
        result = s3_refusal(reply, upload->key, err);
    if (result == 0 && reply->tag[0] == '\0')
        result = ps_error_set(err, PS_E_CORRUPT, 0, "'%.100s': a part has no ETag", upload->key);
    if (result == 0)
        strcpy(upload->tags[part->number], reply->tag);
    if (result == 0 && upload->sums != NULL)
        strcpy(upload->sums[part->number], part->body.sum);
    return result;
}

static int end_or_repeat(struct upload *upload, struct part *part, CURLcode code, CURLM *multi,
                         int *running, struct ps_error *err)
{
    int result = take_part(upload, part, code, err);

    end_part(part, multi);
    if (result != 1)
        return result;
    part->is_again = true;
    ++*running;
    return begin_part(upload, part, multi, err);
}

/* What has ended. */
static int take_ends(struct upload *upload, struct part parts[AT_ONCE], CURLM *multi, int *running,
                     struct ps_error *err)
{
    CURLMsg *message;
    int result = 0, left;

    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        CURL *curl = message->easy_handle;
        CURLcode code = message->data.result;

        for (int i = 0; i < AT_ONCE; i++)
            if (parts[i].transfer != NULL && parts[i].transfer->curl == curl) {
                if (result == 0)
                    result = end_or_repeat(upload, &parts[i], code, multi, running, err);
                else
                    end_part(&parts[i], multi);
                break;
            }
    }
    return result;
}

static int send_parts(struct upload *upload, struct part parts[AT_ONCE], CURLM *multi,
                      struct ps_error *err)
{
    unsigned next = 0;
    int result = 0, running = 1;

    while (result == 0 && (next < upload->count || running > 0)) {
        for (int i = 0; i < AT_ONCE && result == 0 && next < upload->count; i++)
            if (parts[i].transfer == NULL) {
                parts[i].number = next++;
                parts[i].is_again = false;
                result = begin_part(upload, &parts[i], multi, err);
            }
        if (result == 0 && curl_multi_perform(multi, &running) != CURLM_OK)
            result = ps_error_set(err, PS_E_SYSTEM, 0, "libcurl can't go on");
        if (result == 0)
            result = take_ends(upload, parts, multi, &running, err);
        if (result == 0 && running > 0)
            curl_multi_wait(multi, NULL, 0, WAIT_MS, NULL);
    }
    return result;
}

static int send_all(struct upload *upload, struct ps_error *err)
{
    struct part *parts = calloc(AT_ONCE, sizeof(*parts));
    CURLM *multi = curl_multi_init();
    int result = parts != NULL && multi != NULL
                     ? send_parts(upload, parts, multi, err)
                     : ps_error_set(err, PS_E_NOMEM, ENOMEM, "no memory for an upload");

    for (int i = 0; parts != NULL && i < AT_ONCE; i++)
        end_part(&parts[i], multi);
    curl_multi_cleanup(multi);
    free(parts);
    return result;
}

/* The list of the parts is XML. */
static char *write_list(const struct upload *upload)
{
    const size_t most = 128 + PS_VERSION_MAX + S3_HASH_TEXT;
    char *text = malloc(upload->count * most + 128), *at = text;

    if (text == NULL)
        return NULL;
    at += sprintf(at, "<CompleteMultipartUpload>");
    for (unsigned i = 0; i < upload->count; i++) {
        at +=
            sprintf(at, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag>", i + 1, upload->tags[i]);
        if (upload->sums != NULL)
            at += sprintf(at, "<ChecksumSHA256>%s</ChecksumSHA256>", upload->sums[i]);
        at += sprintf(at, "</Part>");
    }
    strcpy(at, "</CompleteMultipartUpload>");
    return text;
}

static int complete(struct upload *upload, char version[PS_VERSION_MAX], struct ps_error *err)
{
    char query[2 * HTTP_TEXT_MAX], why[64], *list = write_list(upload);
    struct http_body body = {.text = list, .size = list != NULL ? strlen(list) : 0};
    struct http_request request = {
        .method = "POST", .key = upload->key, .query = query, .body = &body};
    struct s3_answer answer;
    int result;

    if (list == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "no memory for an upload");
    snprintf(query, sizeof(query), "?uploadId=%s", upload->id);
    result = s3_make(&upload->store->http, &request, &answer, NULL, err);
    free(list);
    if (result < 0)
        return result;
    /* it may fail after it has said 200 */
    http_element(why, sizeof(why), answer.text, "Code");
    http_element(version, PS_VERSION_MAX, answer.text, "ETag");
    s3_unquote(version);
    if (why[0] != '\0' || version[0] == '\0')
        return ps_error_set(err, PS_E_UNAVAILABLE, 0, "'%.100s': the upload was not completed: %s",
                            upload->key, why);
    return 0;
}

/*
 * A server that was asked too often says so to this request, too: it is asked again, but not one
 * that does not answer. Where nothing helps, its user must hear of the parts that are paid for.
 */
static void give_up(struct upload *upload, struct ps_error *err)
{
    char query[2 * HTTP_TEXT_MAX];
    struct http_request request = {.method = "DELETE", .key = upload->key, .query = query};
    struct s3_answer answer;
    const struct timespec wait = {.tv_sec = 1};
    const uint64_t begun = module_now();
    struct ps_error own = {0}, why = *err;
    int result;

    snprintf(query, sizeof(query), "?uploadId=%s", upload->id);
    while ((result = s3_make(&upload->store->http, &request, &answer, NULL, &own)) ==
               PS_E_UNAVAILABLE &&
           module_now() - begun < GIVE_UP_NS) {
        ps_error_clear(&own);
        nanosleep(&wait, NULL);
    }
    if (result == 0 || result == PS_E_NOT_FOUND)
        return;
    ps_error_clear(err);
    ps_error_set(err, why.code, 0, "%.120s; the parts of its upload are left: %.80s", why.message,
                 own.message);
    err->sys_errno = why.sys_errno; /* its text is in the message */
}

static int put_parts(struct s3_store *store, const char *key, const struct ps_content *content,
                     char version[PS_VERSION_MAX], struct ps_error *err)
{
    struct upload upload = {
        .store = store, .key = key, .content = content, .part_size = store->part_size};
    int result;

    while (content->size / upload.part_size >= PARTS_MOST)
        upload.part_size *= 2;
    upload.count = (unsigned)((content->size + upload.part_size - 1) / upload.part_size);
    upload.tags = calloc(upload.count, sizeof(*upload.tags));
    if (upload.tags == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "no memory for an upload");
    result = begin_upload(&upload, err);
    if (result == 0) {
        result = send_all(&upload, err);
        if (result == 0)
            result = complete(&upload, version, err);
        if (result < 0)
            give_up(&upload, err);
    }
    free(upload.tags);
    free(upload.sums);
    return result;
}

/* --- members of the backend ---------------------------------------------------------------- */

int s3_put(void *handle, const char *key, const struct ps_content *content,
           struct ps_object_info *info, struct ps_error *err)
{
    struct s3_store *store = handle;
    struct http_body body = {.content = content, .size = content->size};
    struct http_request request = {.key = key, .tells_sum = true, .body = &body};
    struct s3_answer answer;
    int result = s3_check_key(key, err);

    if (result < 0)
        return result;
    info->size = content->size;
    if (content->size > store->part_size)
        return put_parts(store, key, content, info->version, err);
    result = s3_make(&store->http, &request, &answer, info->version, err);
    if (result == 0 && info->version[0] == '\0')
        result = ps_error_set(err, PS_E_CORRUPT, 0, "'%.100s': no ETag in the answer", key);
    return result;
}

int s3_evict(void *handle, const char *key, struct ps_error *err)
{
    struct http_request request = {.method = "DELETE", .key = key};
    struct ps_error own = {0};
    struct s3_answer answer;
    int result = s3_check_key(key, &own);

    if (result == 0)
        result = s3_make(handle, &request, &answer, NULL, &own);
    if (result == PS_E_NOT_FOUND)
        return 0;
    return result < 0 ? ps_error_set(err, result, 0, "%s", own.message) : 0;
}
