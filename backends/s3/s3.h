/*
 * s3.h: what the files of the s3 backend share
 *
 * S3 is HTTP with signed requests: objects are read as those of the http
 * backend, whose files are part of this module.
 */
#ifndef S3_H
#define S3_H

#include "../http/http.h"

enum { S3_TEXT_MAX = 256, S3_SECRET_MAX = 4096 };

/* Who asks. Without a key nothing is signed, as for buckets that are open to all. */
struct s3_login {
    char key[S3_TEXT_MAX], secret[S3_TEXT_MAX];
    char token[S3_SECRET_MAX]; /* of a session, or "" */
    bool is_fixed;             /* by the store's URL */
    uint64_t read_ns;          /* when, by module_now() */
};

struct s3_store {
    struct http_store http; /* first: the http backend's members take it for theirs */
    char region[S3_TEXT_MAX];
    uint64_t part_size;    /* what is larger is put in parts of this size */
    struct s3_login login; /* under http.lock */
};

/* --- s3_login.c: the environment, and the files that other tools of S3 use ------------- */

/* s3_setting: the value of the profile's key, in the file of credentials or the other one; "" */
void s3_setting(char *value, size_t size, const char *name);

/* s3_get_login: a copy of the login that holds now */
void s3_get_login(struct s3_store *store, struct s3_login *login);

/* --- s3_sign.c ------------------------------------------------------------------------ */

/* s3_sign: as sign of struct http_store */
int s3_sign(struct http_store *store, struct curl_slist **headers, const char *url,
            const struct http_request *request, struct ps_error *err);

/* --- s3_put.c: members of the backend ------------------------------------------------- */
int s3_put(void *handle, const char *key, const struct ps_content *content,
           struct ps_object_info *info, struct ps_error *err);
int s3_evict(void *handle, const char *key, struct ps_error *err);

#endif
