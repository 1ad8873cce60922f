/* s3_role.c: the role that a web identity may have, by the token service; see s3.h */
#include "s3_service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

struct identity {
    char token[S3_TOKEN_MAX], form[3 * S3_TOKEN_MAX + 4 * S3_TEXT_MAX];
};

/* "&name=value", with what needs it escaped; false: no memory, or no room */
static bool add_field(struct identity *identity, const char *name, const char *value)
{
    size_t used = strlen(identity->form), room = sizeof(identity->form) - used;
    char *escaped = curl_easy_escape(NULL, value, 0);
    bool fits = escaped != NULL &&
                snprintf(identity->form + used, room, "&%s=%s", name, escaped) < (int)room;

    curl_free(escaped);
    return fits;
}

static int send_identity(struct s3_store *store, struct s3_login *login, struct identity *identity,
                         struct ps_error *err)
{
    static char type[] = "Content-Type: application/x-www-form-urlencoded";
    struct http_body body = {.text = identity->form, .size = strlen(identity->form)};
    char endpoint[HTTP_TEXT_MAX], region[S3_TEXT_MAX];
    struct service *service;
    int result;

    s3_setting(endpoint, sizeof(endpoint), "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL",
               "endpoint_url");
    if (endpoint[0] == '\0') {
        s3_home_region(region);
        snprintf(endpoint, sizeof(endpoint), "https://sts.%s.%s", region, s3_domain(region));
    }
    service = s3_service_open("the token service", endpoint, store->http.timeout_ns, err);
    if (service == NULL)
        return PS_E_INVALID;
    result = s3_service_ask_well(service, "POST", "", type, &body, err);
    if (result == 0)
        result = s3_read_xml(login, service, err);
    s3_service_close(service);
    return result;
}

int s3_assume_role(struct s3_store *store, struct s3_login *login, const char *role,
                   const char *file, const char *session, struct ps_error *err)
{
    struct identity *identity = malloc(sizeof(*identity));
    int result;

    if (identity == NULL)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "no memory for a token");
    strcpy(identity->form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
    result = s3_read_token(identity->token, sizeof(identity->token), file, err);
    if (result == 0 && role[0] == '\0')
        result = ps_error_set(err, PS_E_REFUSED, 0, "a token of a web identity, but no role");
    if (result == 0 && !(add_field(identity, "RoleArn", role) &&
                         add_field(identity, "RoleSessionName", session[0] ? session : "libps") &&
                         add_field(identity, "WebIdentityToken", identity->token)))
        result = ps_error_set(err, PS_E_NOMEM, ENOMEM, "no memory for a token");
    if (result == 0)
        result = send_identity(store, login, identity, err);
    OPENSSL_cleanse(identity, sizeof(*identity));
    free(identity);
    return result;
}
