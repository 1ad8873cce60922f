/*
 * s3_service.h: asking those who give credentials for a while
 *
 * What is sent to them, and what comes back, are secrets: no message has them.
 */
#ifndef S3_SERVICE_H
#define S3_SERVICE_H

#include "s3.h"

enum { S3_TOKEN_MAX = 20032 }; /* Amazon takes tokens of 20000 letters */

/* A conversation with one of them. */
struct service {
    struct http_store http; /* first; its signer is the header of the next request, or NULL */
    const char *name;       /* for messages */
    struct http_reply reply;
    struct s3_answer answer;
};

/* s3_service_open: name is not copied; NULL: err says why not */
struct service *s3_service_open(const char *name, const char *endpoint, uint64_t timeout_ns,
                                struct ps_error *err);
void s3_service_close(struct service *service);

/*
 * s3_service_ask: what it answers, with any status
 *
 * path is without the first slash; method NULL is a GET; header may be NULL.
 * Negative: there was no answer.
 */
int s3_service_ask(struct service *service, const char *method, const char *path, char *header,
                   struct http_body *body, struct ps_error *err);

/* s3_service_ask_well: the same, and another status than 200 is a failure */
int s3_service_ask_well(struct service *service, const char *method, const char *path, char *header,
                        struct http_body *body, struct ps_error *err);

/* s3_read_json, s3_read_xml: the login in its answer */
int s3_read_json(struct s3_login *login, const struct service *service, struct ps_error *err);
int s3_read_xml(struct s3_login *login, const struct service *service, struct ps_error *err);

/* s3_read_token: the line in a file that is replaced from time to time */
int s3_read_token(char *token, size_t size, const char *path, struct ps_error *err);

/* s3_is_printable: some text of ASCII from first on; s3_is_word: without blanks */
bool s3_is_printable(const char *text, char first);
bool s3_is_word(const char *text);

#endif
