/*
 * s3_sign.c: AWS Signature Version 4
 *
 * By the description in "Authenticating Requests (AWS Signature Version 4)" of
 * the Amazon S3 API Reference. Not libcurl's own: it sorts and escapes queries
 * as S3 wants them only in later releases.
 */
#include "s3.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { HASH = S3_HASH, CANONICAL_MAX = 2 * HTTP_URL_MAX + 2 * S3_SECRET_MAX };

struct moment {
    char day[16], time[32];
};

static void now(struct moment *moment)
{
    time_t seconds = time(NULL);
    struct tm parts;

    gmtime_r(&seconds, &parts);
    strftime(moment->day, sizeof(moment->day), "%Y%m%d", &parts);
    strftime(moment->time, sizeof(moment->time), "%Y%m%dT%H%M%SZ", &parts);
}

static void to_hex(char out[2 * HASH + 1], const unsigned char hash[HASH])
{
    for (int i = 0; i < HASH; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static bool hash_hex(char out[2 * HASH + 1], const char *text)
{
    unsigned char hash[HASH];

    if (EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) != 1)
        return false;
    to_hex(out, hash);
    return true;
}

static bool hmac(unsigned char out[HASH], const void *key, size_t size, const char *text)
{
    return HMAC(EVP_sha256(), key, (int)size, (const unsigned char *)text, strlen(text), out,
                NULL) != NULL;
}

/* The key of this day, region and service, and with it the signature. */
static bool sign_text(char out[2 * HASH + 1], const char *secret, const struct moment *moment,
                      const char *region, const char *text)
{
    unsigned char key[HASH];
    char first[S3_TEXT_MAX + 8];
    int size = snprintf(first, sizeof(first), "AWS4%s", secret);

    if (!hmac(key, first, (size_t)size, moment->day) || !hmac(key, key, HASH, region) ||
        !hmac(key, key, HASH, "s3") || !hmac(key, key, HASH, "aws4_request") ||
        !hmac(key, key, HASH, text))
        return false;
    to_hex(out, key);
    return true;
}

/* The parts of "https://host/path?query". */
struct parts {
    const char *host, *path, *query;
    int host_size, path_size;
};

static struct parts split(const char *url)
{
    struct parts parts = {.host = strstr(url, "://") + 3};

    parts.host_size = (int)strcspn(parts.host, "/");
    parts.path = parts.host + parts.host_size;
    parts.path_size = (int)strcspn(parts.path, "?");
    parts.query = parts.path + parts.path_size;
    parts.query += *parts.query == '?';
    return parts;
}

static bool append(struct curl_slist **headers, const char *line)
{
    struct curl_slist *more = curl_slist_append(*headers, line);

    if (more != NULL)
        *headers = more;
    return more != NULL;
}

/* What is signed of the bytes that go, or asked about those that come. */
struct content {
    char hash[2 * HASH + 1]; /* SHA-256 of the body, or that it is not signed */
    const char *header;      /* about the sum; NULL: none */
    char value[S3_HASH_TEXT];
};

/*
 * A body is not signed where it would have to be read twice from far away: TLS keeps it. Parts
 * have a sum of their own where the upload has said so before; where it has not, S3 makes one of
 * the whole of its own accord.
 */
static int look_at_content(struct content *content, struct s3_store *store,
                           const struct http_request *request, struct ps_error *err)
{
    bool has_sums = !atomic_load(&store->has_no_sums);
    struct http_body *body = request->body;
    unsigned char hash[HASH];
    int result;

    *content = (struct content){.hash = "UNSIGNED-PAYLOAD"};
    if (request->wants_sum && has_sums) {
        content->header = "x-amz-checksum-mode";
        strcpy(content->value, "ENABLED");
    } else if (request->tells_sum && has_sums && body->content == NULL) {
        content->header = "x-amz-checksum-algorithm";
        strcpy(content->value, "SHA256");
    }
    if (body == NULL || (body->content != NULL && body->content->look == NULL))
        return 0;
    result = s3_hash_body(hash, body, err);
    if (result < 0)
        return result;
    to_hex(content->hash, hash);
    if (body->content != NULL && request->tells_sum && has_sums) {
        content->header = "x-amz-checksum-sha256";
        EVP_EncodeBlock((unsigned char *)content->value, hash, HASH);
        strcpy(body->sum, content->value);
    }
    return 0;
}

/* The line "Authorization: ...". */
static bool authorize(char *line, size_t size, const struct s3_login *login, const char *region,
                      const char *url, const char *method, const struct content *content,
                      const struct moment *moment)
{
    struct parts parts = split(url);
    char canonical[CANONICAL_MAX], hash[2 * HASH + 1], text[S3_TEXT_MAX * 3], *end = canonical;
    char names[160];

    snprintf(names, sizeof(names), "host;%s%sx-amz-content-sha256;x-amz-date%s",
             content->header != NULL ? content->header : "", content->header != NULL ? ";" : "",
             login->token[0] != '\0' ? ";x-amz-security-token" : "");
    end += snprintf(end, sizeof(canonical), "%s\n%.*s\n%s\nhost:%.*s\n", method, parts.path_size,
                    parts.path, parts.query, parts.host_size, parts.host);
    if (content->header != NULL)
        end += snprintf(end, 128, "%s:%s\n", content->header, content->value);
    end +=
        snprintf(end, 256, "x-amz-content-sha256:%s\nx-amz-date:%s\n", content->hash, moment->time);
    if (login->token[0] != '\0')
        end += snprintf(end, S3_SECRET_MAX + 64, "x-amz-security-token:%s\n", login->token);
    snprintf(end, 256, "\n%s\n%s", names, content->hash);
    if (!hash_hex(hash, canonical))
        return false;
    snprintf(text, sizeof(text), "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s", moment->time,
             moment->day, region, hash);
    return sign_text(hash, login->secret, moment, region, text) &&
           snprintf(line, size,
                    "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s/%s/s3/aws4_request,"
                    "SignedHeaders=%s,Signature=%s",
                    login->key, moment->day, region, names, hash) < (int)size;
}

static bool add_headers(struct curl_slist **headers, const struct s3_login *login,
                        const char *region, const char *url, const char *method,
                        const struct content *content)
{
    struct moment moment;
    char line[S3_SECRET_MAX + 64];

    now(&moment);
    if (!authorize(line, sizeof(line), login, region, url, method, content, &moment) ||
        !append(headers, line))
        return false;
    snprintf(line, sizeof(line), "x-amz-content-sha256: %s", content->hash);
    if (!append(headers, line))
        return false;
    snprintf(line, sizeof(line), "x-amz-date: %s", moment.time);
    if (!append(headers, line))
        return false;
    snprintf(line, sizeof(line), "x-amz-security-token: %s", login->token);
    return login->token[0] == '\0' || append(headers, line);
}

int s3_sign(struct http_store *http, struct curl_slist **headers, const char *url,
            const struct http_request *request, struct ps_error *err)
{
    struct s3_store *store = (struct s3_store *)(void *)http;
    const char *method = request->method != NULL ? request->method : request->body ? "PUT" : "GET";
    struct s3_login login;
    struct content content;
    char region[S3_TEXT_MAX], line[128];
    bool done = true;
    int result = look_at_content(&content, store, request, err);

    if (result == 0)
        result = s3_get_login(store, &login, err);
    if (result < 0)
        return result;
    s3_get_region(store, region);
    if (content.header != NULL) {
        snprintf(line, sizeof(line), "%s: %s", content.header, content.value);
        done = append(headers, line);
    }
    if (done && login.key[0] != '\0')
        done = add_headers(headers, &login, region, url, method, &content);
    OPENSSL_cleanse(&login, sizeof(login));
    return done ? 0 : ps_error_set(err, PS_E_NOMEM, 0, "can't sign a request");
}
