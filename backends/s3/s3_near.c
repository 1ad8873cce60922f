/*
 * s3_near.c: credentials from beside this machine; see s3.h
 *
 * From the container that this runs in, or from the metadata of the instance
 * ("IMDSv2", only). No proxy is between.
 */
#include "s3_service.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

/* Where it is no instance, no packet comes back; where it is one, it may be busy. */
#define CONNECT_NS UINT64_C(1000000000)
#define ANSWER_NS  UINT64_C(5000000000)

/* --- the container --------------------------------------------------------------------------- */

static bool is_local(const char *host)
{
    static const char *const names[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
                                        "[fd00:ec2::23]"};
    struct in_addr address;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(host, names[i]) == 0)
            return true;
    return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* Credentials in clear text come from this machine, or nowhere. */
static bool is_safe(const char *text)
{
    CURLU *url = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    bool is_good =
        url != NULL && s3_is_url(text) && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        (strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && is_local(host)));

    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(url);
    return is_good;
}

/* The header that the container is to be asked with; "": none */
static int read_header(char *header, size_t size, struct ps_error *err)
{
    static const char begin[] = "Authorization: ";
    const size_t used = sizeof(begin) - 1;
    char file[4096];

    strcpy(header, begin);
    if (s3_variable(file, sizeof(file), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"))
        return s3_read_token(header + used, size - used, file, err);
    if (!s3_variable(header + used, size - used, "AWS_CONTAINER_AUTHORIZATION_TOKEN"))
        header[0] = '\0';
    else if (!s3_is_printable(header, ' '))
        return ps_error_set(err, PS_E_REFUSED, 0, "AWS_CONTAINER_AUTHORIZATION_TOKEN is no token");
    return 0;
}

static int ask_at(struct s3_login *login, char *url, struct ps_error *err)
{
    char header[S3_TOKEN_MAX], *path = strstr(url, "://") + 3;
    struct service *service;
    int result = read_header(header, sizeof(header), err);

    if (result < 0)
        return result;
    path += strcspn(path, "/");
    if (*path == '/')
        *path++ = '\0';
    service = s3_service_open("the container", url, ANSWER_NS, err);
    if (service == NULL)
        return PS_E_INVALID;
    service->http.is_near = true;
    result = s3_service_ask_well(service, NULL, path, header[0] != '\0' ? header : NULL, NULL, err);
    if (result == 0)
        result = s3_read_json(login, service, err);
    s3_service_close(service);
    OPENSSL_cleanse(header, sizeof(header));
    return result;
}

int s3_ask_container(struct s3_store *store, struct s3_login *login, struct ps_error *err)
{
    static const char host[] = "http://169.254.170.2";
    char url[PS_URI_MAX];
    const size_t used = sizeof(host) - 1;

    (void)store;
    strcpy(url, host);
    if (s3_variable(url + used, sizeof(url) - used, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
        if (url[used] != '/')
            return ps_error_set(err, PS_E_REFUSED, 0,
                                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path");
    } else if (!s3_variable(url, sizeof(url), "AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        return 0;
    } else if (!is_safe(url)) {
        return ps_error_set(err, PS_E_REFUSED, 0,
                            "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor local");
    }
    return ask_at(login, url, err);
}

/* --- the instance ----------------------------------------------------------------------------- */

#define ROLES "latest/meta-data/iam/security-credentials/"

/* Where nobody answers it is no instance, unless it was one before; that is found out once. */
static int ask_token(struct service *service, struct s3_session *session, char *header, size_t size,
                     struct ps_error *err)
{
    static char lasting[] = "X-aws-ec2-metadata-token-ttl-seconds: 60";
    struct http_body nothing = {.text = ""};
    struct ps_error own = {0};
    int result = s3_service_ask(service, "PUT", "latest/api/token", lasting, &nothing, &own);
    long status = service->reply.status;

    if (result == 0 && status == 200 && s3_is_word(service->answer.text)) {
        session->instance = S3_INSTANCE;
        snprintf(header, size, "X-aws-ec2-metadata-token: %s", service->answer.text);
        return 0;
    }
    if (session->instance == S3_INSTANCE || status == 429 || status >= 500 || result == PS_E_NOMEM)
        return result < 0 ? ps_error_set(err, result, 0, "%s", own.message)
                          : http_refusal(&service->reply, service->name, err);
    session->instance = S3_NO_INSTANCE;
    return 0;
}

/* One without a role has no credentials. */
static int ask_role(struct service *service, struct s3_login *login, char *header,
                    struct ps_error *err)
{
    char path[sizeof(ROLES) + S3_TEXT_MAX];
    size_t size;
    int result = s3_service_ask(service, NULL, ROLES, header, NULL, err);

    if (result < 0 || service->reply.status == 404)
        return result;
    if (service->reply.status != 200)
        return http_refusal(&service->reply, service->name, err);
    size = strspn(service->answer.text, "abcdefghijklmnopqrstuvwxyz0123456789+=,.@_-"
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (size == 0 || size >= S3_TEXT_MAX || strchr("\r\n", service->answer.text[size]) == NULL)
        return ps_error_set(err, PS_E_CORRUPT, 0, "%s: no name of a role", service->name);
    snprintf(path, sizeof(path), ROLES "%.*s", (int)size, service->answer.text);
    result = s3_service_ask_well(service, NULL, path, header, NULL, err);
    return result == 0 ? s3_read_json(login, service, err) : result;
}

int s3_ask_instance(struct s3_store *store, struct s3_login *login, struct ps_error *err)
{
    char endpoint[HTTP_TEXT_MAX], header[sizeof(struct s3_answer) + 64];
    struct service *service;
    int result;

    s3_variable(endpoint, sizeof(endpoint), "AWS_EC2_METADATA_DISABLED");
    if (strcasecmp(endpoint, "true") == 0 || store->session.instance == S3_NO_INSTANCE)
        return 0;
    if (!s3_variable(endpoint, sizeof(endpoint), "AWS_EC2_METADATA_SERVICE_ENDPOINT"))
        strcpy(endpoint, "http://169.254.169.254");
    service = s3_service_open("the metadata of the instance", endpoint, ANSWER_NS, err);
    if (service == NULL)
        return PS_E_INVALID;
    service->http.is_near = true;
    service->http.connect_ns = CONNECT_NS;
    result = ask_token(service, &store->session, header, sizeof(header), err);
    if (result == 0 && store->session.instance == S3_INSTANCE)
        result = ask_role(service, login, header, err);
    s3_service_close(service);
    return result;
}
