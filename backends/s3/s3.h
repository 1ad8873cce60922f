/*
 * s3.h: what the files of the s3 backend share
 *
 * S3 is HTTP with signed requests: objects are read as those of the http
 * backend, whose files are part of this module.
 */
#ifndef S3_H
#define S3_H

#include <stdatomic.h>
#include <time.h>

#include "../http/http.h"

enum { S3_TEXT_MAX = 256, S3_SECRET_MAX = 4096 };

/* Who asks. Without a key nothing is signed, as for buckets that are open to all. */
struct s3_login {
    char key[S3_TEXT_MAX], secret[S3_TEXT_MAX];
    char token[S3_SECRET_MAX]; /* of a session, or "" */
    time_t ends;               /* when it does, by the wall clock; 0: it does not say */
};

/* Does this run on an instance of Amazon's, with metadata? */
enum s3_instance { S3_NOT_ASKED, S3_INSTANCE, S3_NO_INSTANCE };

/* The login that holds, and how it is renewed: by one thread, while others go on with it. */
struct s3_session {
    bool is_fixed;             /* by the store's URL */
    enum s3_instance instance; /* of the thread that asks */
    pthread_mutex_t lock;      /* protects what follows */
    struct s3_login login;
    uint64_t read_ns, tried_ns; /* by module_now(); 0: not yet */
    bool is_refused;            /* as one that has ended */
    bool is_asking;
    uint64_t asks;       /* that came to an end */
    struct ps_error why; /* the last one failed; a code of 0: it did not */
    pthread_cond_t is_asked;
};

struct s3_store {
    struct http_store http;   /* first: the http backend's members take it for theirs */
    char bucket[64];          /* where its host is Amazon's; else "" */
    char region[S3_TEXT_MAX]; /* under http.lock, as is http.folder */
    uint64_t moved_ns;        /* when another region became known; 0: none */
    size_t prefix_size;       /* of the end of http.folder: "/a/b" */
    uint64_t part_size;       /* what is larger is put in parts of this size */
    atomic_bool has_no_sums;  /* its server refuses headers about them */
    struct s3_session session;
};

/* --- s3_settings.c: false, and "": it is not there, or too long --------------------------- */

/* s3_variable: of the environment */
bool s3_variable(char *value, size_t size, const char *name);

/* s3_profile: of the profile, in the file of credentials or the other one */
bool s3_profile(char *value, size_t size, const char *name);

/* s3_setting: the first that is there: a variable, another one, the profile's; "" */
void s3_setting(char *value, size_t size, const char *variable, const char *other,
                const char *name);

bool s3_is_url(const char *text);

/* --- s3_login.c -------------------------------------------------------------------------- */

/* s3_get_login: a copy of the login that holds now; negative: it can't be had */
int s3_get_login(struct s3_store *store, struct s3_login *login, struct ps_error *err);

/* s3_renew_login: what held at that time is refused; 1: there may be another now; 0: there is none
 */
int s3_renew_login(struct s3_store *store, uint64_t since_ns, struct ps_error *err);

/* --- s3_service.c: sources of credentials; where they have none the key stays "" ------------ */

/* s3_assume_role: for the token of a web identity, in a file */
int s3_assume_role(struct s3_store *store, struct s3_login *login, const char *role,
                   const char *file, const char *session, struct ps_error *err);
int s3_ask_container(struct s3_store *store, struct s3_login *login, struct ps_error *err);
int s3_ask_instance(struct s3_store *store, struct s3_login *login, struct ps_error *err);

/* --- s3_request.c ------------------------------------------------------------------------- */

struct s3_answer {
    char text[8192];
    size_t size;
    struct http_sum sum;
};

/* s3_check_key: PS_E_INVALID for what is no one step of a path */
int s3_check_key(const char *key, struct ps_error *err);

/* s3_take_answer: a sink */
bool s3_take_answer(void *to, const char *bytes, size_t size);

/*
 * s3_make: make the request
 *
 * Fills answer, and version (unless NULL) with the ETag; or says why it was refused.
 */
int s3_make(struct http_store *store, struct http_request *request, struct s3_answer *answer,
            char version[PS_VERSION_MAX], struct ps_error *err);

/* s3_refusal: as http_refusal; bytes that were damaged on their way can be sent again */
int s3_refusal(const struct http_reply *reply, const char *key, struct ps_error *err);

/* s3_unquote: an ETag in XML may have its quotes as entities */
void s3_unquote(char *tag);

/* s3_again: as again of struct http_store */
int s3_again(struct http_store *store, const struct http_transfer *transfer, struct ps_error *err);

/* --- s3_region.c --------------------------------------------------------------------------- */

/* s3_domain: of Amazon's hosts in a region */
const char *s3_domain(const char *region);

/* s3_host: "https://" and Amazon's host of a bucket, which is in the path if it has dots */
void s3_host(char *out, size_t size, const char *bucket, const char *region);

/* s3_home_region: the one that the user names */
void s3_home_region(char region[S3_TEXT_MAX]);

/* s3_get_region: the one that the bucket is in, as far as it is known */
void s3_get_region(struct s3_store *store, char region[S3_TEXT_MAX]);

/* s3_follow: what was refused may name another region; 1: ask there; 0: it does not */
int s3_follow(struct s3_store *store, const struct http_transfer *transfer);

/* --- s3_sign.c ------------------------------------------------------------------------ */

/* s3_sign: as sign of struct http_store */
int s3_sign(struct http_store *store, struct curl_slist **headers, const char *url,
            const struct http_request *request, struct ps_error *err);

/* --- s3_sum.c ------------------------------------------------------------------------ */

enum { S3_HASH = 32, S3_HASH_TEXT = 48 }; /* of SHA-256, in bytes, and with room for its base64 */

/* s3_hash_body: its SHA-256; its content, if it has one, must have look */
int s3_hash_body(unsigned char hash[S3_HASH], struct http_body *body, struct ps_error *err);

/* s3_check: as check of struct http_store */
int s3_check(const struct http_sum *sum, const char *key, const struct ps_content *content,
             struct ps_error *err);

/* --- s3_parts.c: members of the backend ------------------------------------------------ */
int s3_parts(void *handle, const char *key, const struct ps_object_info *expected, uint64_t *size,
             struct ps_error *err);
int s3_check_part(void *handle, const char *key, const struct ps_object_info *expected,
                  uint64_t number, uint64_t offset, const struct ps_content *content,
                  struct ps_error *err);

/* --- s3_put.c: members of the backend ------------------------------------------------- */
int s3_put(void *handle, const char *key, const struct ps_content *content,
           struct ps_object_info *info, struct ps_error *err);
int s3_evict(void *handle, const char *key, struct ps_error *err);

/* --- s3_list.c ------------------------------------------------------------------------- */

/* s3_list: a member of the backend */
int s3_list(void *handle, ps_backend_each *each, void *context, struct ps_error *err);

#endif
