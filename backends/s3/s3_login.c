/*
 * s3_login.c: who asks; see s3.h
 *
 * The first that is there: the store's URL, and then what other tools of S3
 * try, in their order: the environment, the token of a web identity, a profile
 * of the shared files, the container, and the instance that this runs on. It is
 * looked up again in time, as files are replaced and sessions end.
 */
#include "s3.h"

#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#define AGAIN_NS (UINT64_C(60) * 1000000000) /* what does not say when it ends */
#define RENEW_NS (UINT64_C(5) * 1000000000)  /* what ends soon: from one try to the next */
#define EARLY    300                         /* is soon, in seconds */

enum { PATH_SIZE = 4096 };

/* --- the chain --------------------------------------------------------------------------- */

static int from_environment(struct s3_store *store, struct s3_login *login, struct ps_error *err)
{
    (void)store, (void)err;
    if (s3_variable(login->key, sizeof(login->key), "AWS_ACCESS_KEY_ID")) {
        s3_variable(login->secret, sizeof(login->secret), "AWS_SECRET_ACCESS_KEY");
        s3_variable(login->token, sizeof(login->token), "AWS_SESSION_TOKEN");
    }
    return 0;
}

static int from_identity(struct s3_store *store, struct s3_login *login, struct ps_error *err)
{
    char file[PATH_SIZE], role[S3_TEXT_MAX], session[S3_TEXT_MAX];

    if (!s3_variable(file, sizeof(file), "AWS_WEB_IDENTITY_TOKEN_FILE"))
        return 0;
    s3_variable(role, sizeof(role), "AWS_ROLE_ARN");
    s3_variable(session, sizeof(session), "AWS_ROLE_SESSION_NAME");
    return s3_assume_role(store, login, role, file, session, err);
}

/* A file that is replaced meanwhile would give the key of one login and the secret of another. */
static void read_profile(struct s3_login *login)
{
    char key[S3_TEXT_MAX];

    s3_profile(login->key, sizeof(login->key), "aws_access_key_id");
    do {
        strcpy(key, login->key);
        s3_profile(login->secret, sizeof(login->secret), "aws_secret_access_key");
        s3_profile(login->token, sizeof(login->token), "aws_session_token");
        s3_profile(login->key, sizeof(login->key), "aws_access_key_id");
    } while (strcmp(key, login->key) != 0);
}

/* What would run a program, or ask the user: without it the next source would be somebody else. */
static int refuse_profile(struct ps_error *err)
{
    static const char *const names[] = {"role_arn", "credential_process", "sso_session",
                                        "sso_start_url"};
    char value[PATH_SIZE];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (s3_profile(value, sizeof(value), names[i]))
            return ps_error_set(err, PS_E_UNSUPPORTED, 0, "the profile's %s is not supported",
                                names[i]);
    return 0;
}

static int from_profile(struct s3_store *store, struct s3_login *login, struct ps_error *err)
{
    char file[PATH_SIZE], role[S3_TEXT_MAX], session[S3_TEXT_MAX];
    bool has_role = s3_profile(role, sizeof(role), "role_arn");

    if (has_role && s3_profile(file, sizeof(file), "web_identity_token_file")) {
        s3_profile(session, sizeof(session), "role_session_name");
        return s3_assume_role(store, login, role, file, session, err);
    }
    if (!has_role)
        read_profile(login);
    return login->key[0] != '\0' ? 0 : refuse_profile(err);
}

/* A key of "": there is nobody. */
static int look_up(struct s3_store *store, struct s3_login *login, struct ps_error *err)
{
    static int (*const sources[])(struct s3_store *, struct s3_login *, struct ps_error *) = {
        from_environment, from_identity, from_profile, s3_ask_container, s3_ask_instance};
    int result = 0;

    *login = (struct s3_login){.ends = 0};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        if (result == 0 && login->key[0] == '\0')
            result = sources[i](store, login, err);
    return result;
}

/* --- the one that holds now: all this is under login_lock ---------------------------------- */

static bool holds(const struct s3_session *session)
{
    return session->read_ns != 0 && !session->is_refused &&
           (session->login.ends == 0 || time(NULL) < session->login.ends ||
            module_now() - session->read_ns < RENEW_NS); /* what ended is the last that there is */
}

static bool is_due(const struct s3_session *session)
{
    uint64_t since = module_now() - session->tried_ns;

    if (!holds(session))
        return true;
    return session->login.ends == 0 ? since > AGAIN_NS
                                    : since > RENEW_NS && time(NULL) >= session->login.ends - EARLY;
}

/* One thread asks, outside of the lock. */
static void ask(struct s3_store *store)
{
    struct s3_session *session = &store->session;
    struct ps_error why = {0};
    struct s3_login login;
    int result;

    session->is_asking = true;
    session->tried_ns = module_now();
    pthread_mutex_unlock(&session->lock);
    result = look_up(store, &login, &why);
    pthread_mutex_lock(&session->lock);
    if (result == 0) {
        session->login = login;
        session->is_refused = false;
        session->read_ns = module_now();
    }
    OPENSSL_cleanse(&login, sizeof(login));
    session->why = why;
    session->is_asking = false;
    session->asks++;
    pthread_cond_broadcast(&session->is_asked);
}

/* Others go on with what holds, or wait, and share what came of it. */
static int renew(struct s3_store *store, struct ps_error *err)
{
    struct s3_session *session = &store->session;
    uint64_t asks = session->asks;

    if (!session->is_asking)
        ask(store);
    else
        while (!holds(session) && session->asks == asks)
            pthread_cond_wait(&session->is_asked, &session->lock);
    if (session->why.code == 0 || holds(session))
        return 0;
    /* only the object's own store may say that an object is not there, or is another one */
    return ps_error_set(err,
                        session->why.code == PS_E_UNAVAILABLE || session->why.code == PS_E_NOMEM
                            ? session->why.code
                            : PS_E_REFUSED,
                        0, "no credentials: %s", session->why.message);
}

int s3_get_login(struct s3_store *store, struct s3_login *login, struct ps_error *err)
{
    struct s3_session *session = &store->session;
    int result = 0;

    pthread_mutex_lock(&session->lock);
    if (!session->is_fixed && is_due(session))
        result = renew(store, err);
    *login = session->login;
    pthread_mutex_unlock(&session->lock);
    return result;
}

int s3_renew_login(struct s3_store *store, uint64_t since_ns, struct ps_error *err)
{
    struct s3_session *session = &store->session;
    int result = 0;

    pthread_mutex_lock(&session->lock);
    if (!session->is_fixed) {
        if (session->read_ns < since_ns) {
            session->is_refused = true;
            result = renew(store, err);
        }
        result = result == 0 ? 1 : result;
    }
    pthread_mutex_unlock(&session->lock);
    return result;
}
