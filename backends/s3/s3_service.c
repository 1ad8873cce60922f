/* s3_service.c: see s3_service.h */
#include "s3_service.h"
#include "s3_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

/* --- asking --------------------------------------------------------------------------------- */

static int add_header(struct http_store *http, struct curl_slist **headers, const char *url,
                      const struct http_request *request, struct ps_error *err)
{
    struct curl_slist *more = *headers;

    (void)url, (void)request;
    if (http->signer != NULL)
        more = curl_slist_append(*headers, http->signer);
    if (more == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "no memory for a request");
    *headers = more;
    return 0;
}

struct service *s3_service_open(const char *name, const char *endpoint, uint64_t timeout_ns,
                                struct ps_error *err)
{
    struct service *service = calloc(1, sizeof(*service));
    size_t size = strlen(endpoint);

    if (service == NULL) {
        ps_error_set(err, PS_E_NOMEM, ENOMEM, "no memory for a request");
        return NULL;
    }
    service->name = name;
    service->http.sign = add_header;
    service->http.timeout_ns = timeout_ns;
    size -= size > 0 && endpoint[size - 1] == '/';
    if (s3_is_url(endpoint) && size < sizeof(service->http.folder) &&
        http_store_start(&service->http, err) == 0) {
        memcpy(service->http.folder, endpoint, size);
        return service;
    }
    free(service);
    ps_error_set(err, PS_E_INVALID, 0, "%s: not an http[s]:// URL", name);
    return NULL;
}

void s3_service_close(struct service *service)
{
    http_store_stop(&service->http);
    OPENSSL_cleanse(service, sizeof(*service));
    free(service);
}

int s3_service_ask(struct service *service, const char *method, const char *path, char *header,
                   struct http_body *body, struct ps_error *err)
{
    struct http_request request = {.method = method,
                                   .key = "",
                                   .query = path,
                                   .body = body,
                                   .sink = s3_take_answer,
                                   .to = &service->answer};
    struct ps_error own = {0};
    struct http_transfer *transfer = http_transfer_get(&service->http, err);
    int result;

    if (transfer == NULL)
        return PS_E_NOMEM;
    service->http.signer = header;
    service->answer = (struct s3_answer){.size = 0};
    result = http_get(transfer, &request, &own);
    service->reply = transfer->reply;
    http_transfer_put(transfer);
    return result < 0 ? ps_error_set(err, result, 0, "%s: %s", service->name, own.message) : 0;
}

int s3_service_ask_well(struct service *service, const char *method, const char *path, char *header,
                        struct http_body *body, struct ps_error *err)
{
    int result = s3_service_ask(service, method, path, header, body, err);

    return result == 0 && service->reply.status != 200
               ? http_refusal(&service->reply, service->name, err)
               : result;
}

/* --- what they say -------------------------------------------------------------------------- */

bool s3_is_printable(const char *text, char first)
{
    const char *at = text;

    while (*at >= first && *at < 127)
        at++;
    return at > text && *at == '\0';
}

bool s3_is_word(const char *text)
{
    return s3_is_printable(text, '!');
}

/* "2030-01-31T23:59:59Z" */
static bool read_end(time_t *end, const char *text)
{
    struct tm parts = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);

    if (rest == NULL)
        return false;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    *end = timegm(&parts);
    return *end > 0 && strcmp(rest, "Z") == 0;
}

static int check_login(struct s3_login *login, const char *end, const struct service *service,
                       struct ps_error *err)
{
    if (s3_is_word(login->key) && s3_is_word(login->secret) && s3_is_word(login->token) &&
        read_end(&login->ends, end))
        return 0;
    return ps_error_set(err, PS_E_CORRUPT, 0, "%s: an answer without credentials", service->name);
}

int s3_read_json(struct s3_login *login, const struct service *service, struct ps_error *err)
{
    const char *json = service->answer.text;
    char end[64];

    s3_json_text(login->key, sizeof(login->key), json, "AccessKeyId");
    s3_json_text(login->secret, sizeof(login->secret), json, "SecretAccessKey");
    s3_json_text(login->token, sizeof(login->token), json, "Token");
    s3_json_text(end, sizeof(end), json, "Expiration");
    return check_login(login, end, service, err);
}

int s3_read_xml(struct s3_login *login, const struct service *service, struct ps_error *err)
{
    const char *xml = service->answer.text;
    char end[64];

    http_element(login->key, sizeof(login->key), xml, "AccessKeyId");
    http_element(login->secret, sizeof(login->secret), xml, "SecretAccessKey");
    http_element(login->token, sizeof(login->token), xml, "SessionToken");
    http_element(end, sizeof(end), xml, "Expiration");
    return check_login(login, end, service, err);
}

int s3_read_token(char *token, size_t size, const char *path, struct ps_error *err)
{
    FILE *file = fopen(path, "re");
    size_t used = 0;

    if (file == NULL)
        return ps_error_set(err, PS_E_REFUSED, errno, "'%.100s'", path);
    used = fread(token, 1, size, file);
    fclose(file);
    while (used > 0 && used < size && strchr(" \t\r\n", token[used - 1]) != NULL)
        used--;
    token[used < size ? used : 0] = '\0';
    return s3_is_printable(token, ' ') && strlen(token) == used
               ? 0
               : ps_error_set(err, PS_E_REFUSED, 0, "'%.100s' is no token", path);
}
