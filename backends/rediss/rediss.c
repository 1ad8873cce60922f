/*
 * rediss.c: TLS for the redis backend, whose files are part of this module
 *
 * By OpenSSL on the backend's own sockets; hiredis's TLS, which 1.0 began with,
 * wants its own. The server is verified: by the authorities of the system or
 * of SSL_CERT_FILE and SSL_CERT_DIR, and by the name that the URL has.
 */
#include "../redis/redis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static SSL_CTX *context; /* NULL: none could be had */

static void make_context(void)
{
    /* the library is still in use by threads of ours when the host ends */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL) == 1)
        context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
        SSL_CTX_set_default_verify_paths(context) == 1)
        return;
    SSL_CTX_free(context);
    context = NULL;
}

/* What the certificate must be of; a name is sent to the server, too. */
static bool set_name(SSL *session, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1;
    return SSL_set1_host(session, host) == 1 && SSL_set_tlsext_host_name(session, host) == 1;
}

/*
 * What a call that was not done waits for: errno is EAGAIN, and *wants says
 * what; 0: the server has ended it; else -1, and it is broken.
 */
static ssize_t explain(SSL *session, int result, short *wants)
{
    int system = errno;

    switch (SSL_get_error(session, result)) {
    case SSL_ERROR_WANT_READ:
        *wants = POLLIN;
        break;
    case SSL_ERROR_WANT_WRITE:
        *wants = POLLOUT;
        break;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        errno = system != 0 ? system : EPROTO;
        return -1;
    default:
        errno = EPROTO;
        return -1;
    }
    errno = EAGAIN;
    return -1;
}

static ssize_t tls_send(void *session, const void *bytes, size_t size, short *wants)
{
    size_t sent;
    int result;

    ERR_clear_error();
    result = SSL_write_ex(session, bytes, size, &sent);
    return result == 1 ? (ssize_t)sent : explain(session, result, wants);
}

static ssize_t tls_recv(void *session, void *bytes, size_t size, short *wants)
{
    size_t got;
    int result;

    ERR_clear_error();
    result = SSL_read_ex(session, bytes, size, &got);
    return result == 1 ? (ssize_t)got : explain(session, result, wants);
}

static bool tls_has_more(void *session)
{
    return SSL_has_pending(session) == 1;
}

static const char *tls_why(void)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());

    return why != NULL ? why : "the connection was closed";
}

static int refuse(const struct redis_wire *wire, SSL *session, struct ps_error *err)
{
    long verified = SSL_get_verify_result(session);

    if (verified != X509_V_OK) /* a retry would meet the same certificate */
        return ps_error_set(err, PS_E_REFUSED, 0, "redis %s: TLS: %s", wire->name,
                            X509_verify_cert_error_string(verified));
    return ps_error_set(err, PS_E_UNAVAILABLE, 0, "redis %s: no TLS: %s", wire->name, tls_why());
}

static int shake(const struct redis_wire *wire, SSL *session, uint64_t deadline,
                 struct ps_error *err)
{
    for (;;) {
        short wants;
        int result, error;

        ERR_clear_error();
        errno = 0;
        result = SSL_connect(session);
        if (result == 1)
            return 0;
        if (explain(session, result, &wants) == 0 || errno != EAGAIN)
            return refuse(wire, session, err);
        error = redis_wire_wait(wire, wants, deadline);
        if (error != 0)
            return ps_error_set(err, PS_E_UNAVAILABLE, error, "redis %s: no TLS", wire->name);
    }
}

static void tls_stop(void *session)
{
    SSL_free(session); /* says no good-bye: the socket may be the parent's, too */
}

static int tls_start(void **out, const struct redis_wire *wire, const char *host, uint64_t deadline,
                     struct ps_error *err)
{
    SSL *session;
    int result;

    pthread_once(&once, make_context);
    session = context != NULL ? SSL_new(context) : NULL;
    if (session == NULL || !set_name(session, host) || SSL_set_fd(session, wire->fd) != 1)
        result = ps_error_set(err, PS_E_NOMEM, 0, "redis %s: no TLS: OpenSSL refuses", wire->name);
    else
        result = shake(wire, session, deadline, err);
    if (result == 0)
        *out = session;
    else
        SSL_free(session);
    return result;
}

const struct redis_tls redis_tls = {
    .start = tls_start,
    .stop = tls_stop,
    .send = tls_send,
    .recv = tls_recv,
    .has_more = tls_has_more,
    .why = tls_why,
};
