/*
 * s3_sign.c: AWS Signature Version 4
 *
 * By the description in "Authenticating Requests (AWS Signature Version 4)" of
 * the Amazon S3 API Reference. Not libcurl's own: it sorts and escapes queries
 * as S3 wants them only in later releases. The body is not signed: TLS keeps it.
 */
#include "s3.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define PAYLOAD "UNSIGNED-PAYLOAD"

enum { HASH = 32, CANONICAL_MAX = 2 * HTTP_URL_MAX + 2 * S3_SECRET_MAX };

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

/* The line "Authorization: ...". */
static bool authorize(char *line, size_t size, const struct s3_login *login, const char *region,
                      const char *url, const char *method, const struct moment *moment)
{
    static const char *const names[] = {
        "host;x-amz-content-sha256;x-amz-date",
        "host;x-amz-content-sha256;x-amz-date;x-amz-security-token"};
    const char *signed_names = names[login->token[0] != '\0'];
    struct parts parts = split(url);
    char canonical[CANONICAL_MAX], hash[2 * HASH + 1], text[S3_TEXT_MAX * 3], *end = canonical;

    end += snprintf(end, sizeof(canonical), "%s\n%.*s\n%s\nhost:%.*s\n", method, parts.path_size,
                    parts.path, parts.query, parts.host_size, parts.host);
    end += snprintf(end, 256, "x-amz-content-sha256:" PAYLOAD "\nx-amz-date:%s\n", moment->time);
    if (login->token[0] != '\0')
        end += snprintf(end, S3_SECRET_MAX + 64, "x-amz-security-token:%s\n", login->token);
    snprintf(end, 256, "\n%s\n" PAYLOAD, signed_names);
    if (!hash_hex(hash, canonical))
        return false;
    snprintf(text, sizeof(text), "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s", moment->time,
             moment->day, region, hash);
    return sign_text(hash, login->secret, moment, region, text) &&
           snprintf(line, size,
                    "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s/%s/s3/aws4_request,"
                    "SignedHeaders=%s,Signature=%s",
                    login->key, moment->day, region, signed_names, hash) < (int)size;
}

static bool add_headers(struct curl_slist **headers, const struct s3_login *login,
                        const char *region, const char *url, const char *method)
{
    struct moment moment;
    char line[S3_SECRET_MAX + 64];

    now(&moment);
    if (!authorize(line, sizeof(line), login, region, url, method, &moment) ||
        !append(headers, line) || !append(headers, "x-amz-content-sha256: " PAYLOAD))
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
    char region[S3_TEXT_MAX];
    bool done;
    int result = s3_get_login(store, &login, err);

    if (result < 0)
        return result;
    s3_get_region(store, region);
    done = login.key[0] == '\0' || add_headers(headers, &login, region, url, method);
    OPENSSL_cleanse(&login, sizeof(login));
    return done ? 0 : ps_error_set(err, PS_E_NOMEM, 0, "can't sign a request");
}
