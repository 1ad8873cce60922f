/*
 * redis_wire.c: one connection; see redis.h
 *
 * hiredis writes commands and parses replies. The socket is our own: each wait
 * has a limit, nothing raises SIGPIPE, and the bytes of a range go from the
 * parser's buffer to where they are wanted.
 */
#include "redis.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

/* Routers forget a connection that says nothing for minutes, and tell nobody. */
#define IDLE_MOST (UINT64_C(30) * 1000000000)

/* No reply that is wanted has more. */
enum { RECEIVE = 64 << 10, LONGEST = 1 << 20, MEMBERS = 1 << 16 };

static int broken(const struct redis_wire *wire, int system, const char *what, struct ps_error *err)
{
    if (wire->session != NULL && system == EPROTO)
        return ps_error_set(err, PS_E_UNAVAILABLE, 0, "redis %s: %s: TLS: %s", wire->name, what,
                            redis_tls.why());
    return ps_error_set(err, PS_E_UNAVAILABLE, system, "redis %s: %s", wire->name, what);
}

/* --- replies ------------------------------------------------------------------ */

static struct redis_reply *reply_new(const redisReadTask *task, const char *text, size_t size)
{
    struct redis_reply *reply = calloc(1, sizeof(*reply) + size + 1);

    if (reply == NULL)
        return NULL;
    reply->type = task->type;
    reply->size = size;
    if (text != NULL)
        memcpy(reply->text, text, size);
    if (task->parent != NULL)
        ((struct redis_reply *)task->parent->obj)->members[task->idx] = reply;
    return reply;
}

static void *create_string(const redisReadTask *task, char *text, size_t size)
{
    struct redis_wire *wire = task->privdata;
    struct redis_reply *reply;

    if (task->type != REDIS_REPLY_STRING || task->parent != NULL || wire->into == NULL ||
        size > wire->room)
        return reply_new(task, text, size);
    reply = reply_new(task, NULL, 0);
    if (reply != NULL) {
        memcpy(wire->into, text, size);
        reply->size = size;
    }
    return reply;
}

#if HIREDIS_MAJOR >= 1
typedef size_t array_size;
#else
typedef int array_size;
#endif

static void *create_array(const redisReadTask *task, array_size count)
{
    struct redis_reply *reply = (size_t)count <= MEMBERS ? reply_new(task, NULL, 0) : NULL;

    if (reply == NULL)
        return NULL;
    reply->members = calloc(count > 0 ? (size_t)count : 1, sizeof(*reply->members));
    if (reply->members != NULL) {
        reply->size = (size_t)count;
        return reply;
    }
    if (task->parent != NULL)
        ((struct redis_reply *)task->parent->obj)->members[task->idx] = NULL;
    free(reply);
    return NULL;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct redis_reply *reply = reply_new(task, NULL, 0);

    if (reply != NULL)
        reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return reply_new(task, NULL, 0);
}

#if HIREDIS_MAJOR >= 1
static void *create_double(const redisReadTask *task, double value, char *text, size_t size)
{
    (void)value;
    return reply_new(task, text, size);
}

static void *create_bool(const redisReadTask *task, int value)
{
    (void)value;
    return reply_new(task, NULL, 0);
}
#endif

void redis_reply_free(struct redis_reply *reply)
{
    if (reply == NULL)
        return;
    for (size_t i = 0; reply->members != NULL && i < reply->size; i++)
        redis_reply_free(reply->members[i]);
    free(reply->members);
    free(reply);
}

static void free_object(void *reply)
{
    redis_reply_free(reply);
}

/* --- opening ------------------------------------------------------------------- */

int redis_wire_wait(const struct redis_wire *wire, short what, uint64_t deadline)
{
    for (;;) {
        struct pollfd one = {.fd = wire->fd, .events = what};
        uint64_t at = module_now();
        int ready;

        if (at >= deadline)
            return ETIMEDOUT;
        ready = poll(&one, 1, (int)((deadline - at) / 1000000) + 1);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return errno;
    }
}

static int connect_to(struct redis_wire *wire, const struct sockaddr *address, socklen_t size,
                      uint64_t deadline)
{
    socklen_t length = sizeof(int);
    int error = 0, one = 1;

    wire->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (wire->fd < 0)
        return errno;
    if (connect(wire->fd, address, size) < 0) {
        /* a socket file whose queue is full says EAGAIN, and can't be waited for */
        error = errno == EINPROGRESS || errno == EINTR ? redis_wire_wait(wire, POLLOUT, deadline)
                                                       : errno;
        if (error == 0 && getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
            error = errno;
    }
    if (error != 0) {
        close(wire->fd);
        return error;
    }
    if (address->sa_family != AF_UNIX) {
        setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        setsockopt(wire->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    }
    return 0;
}

static int connect_file(struct redis_wire *wire, const char *path, uint64_t deadline,
                        struct ps_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int error;

    if (strlen(path) >= sizeof(address.sun_path))
        return ps_error_set(err, PS_E_INVALID, 0, "redis: too long for a socket: '%.120s'", path);
    strcpy(address.sun_path, path);
    error = connect_to(wire, (const struct sockaddr *)&address, sizeof(address), deadline);
    return error == 0 ? 0 : broken(wire, error, "can't connect", err);
}

static int connect_host(struct redis_wire *wire, const char *host, const char *port,
                        uint64_t deadline, struct ps_error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list, *at;
    int error = getaddrinfo(host, port, &hints, &list);

    if (error != 0)
        return ps_error_set(err, PS_E_UNAVAILABLE, error == EAI_SYSTEM ? errno : 0,
                            "redis %s: no address: %.60s", wire->name, gai_strerror(error));
    error = ETIMEDOUT;
    for (at = list; at != NULL; at = at->ai_next)
        if ((error = connect_to(wire, at->ai_addr, at->ai_addrlen, deadline)) == 0)
            break;
    freeaddrinfo(list);
    return error == 0 ? 0 : broken(wire, error, "can't connect", err);
}

int redis_wire_open(struct redis_wire *wire, const char *host, const char *port,
                    struct ps_error *err)
{
    static redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
#if HIREDIS_MAJOR >= 1
        .createDouble = create_double,
        .createBool = create_bool,
#endif
        .freeObject = free_object
    };
    uint64_t deadline = module_until(wire->timeout_ns);
    struct stat st;
    int result;

    snprintf(wire->name, sizeof(wire->name), "%.100s%s%.8s", host, port[0] ? ":" : "", port);
    result = port[0] ? connect_host(wire, host, port, deadline, err)
                     : connect_file(wire, host, deadline, err);
    if (result < 0)
        return result;
    wire->fd = ps_backend_hold(wire->fd, err);
    if (wire->fd < 0)
        return wire->fd;
    if (wire->is_tls && (result = redis_tls.start(&wire->session, wire, host, deadline, err)) < 0) {
        ps_backend_unhold(wire->fd);
        return result;
    }
    wire->reader = redisReaderCreateWithFunctions(&functions);
    if (wire->reader == NULL || fstat(wire->fd, &st) < 0) {
        redis_wire_close(wire);
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "redis %s", wire->name);
    }
    wire->reader->privdata = wire;
    wire->reader->maxbuf = 0; /* keep the buffer: it is as large as a chunk */
    wire->device = st.st_dev;
    wire->inode = st.st_ino;
    return 0;
}

void redis_wire_close(struct redis_wire *wire)
{
    if (wire->reader != NULL)
        redisReaderFree(wire->reader);
    if (wire->session != NULL)
        redis_tls.stop(wire->session);
    ps_backend_unhold(wire->fd);
}

bool redis_wire_is_idle(const struct redis_wire *wire)
{
    struct stat st;
    char byte;

    return module_now() - wire->last < IDLE_MOST && wire->reader->pos == wire->reader->len &&
           (wire->session == NULL || !redis_tls.has_more(wire->session)) &&
           fstat(wire->fd, &st) == 0 && st.st_dev == wire->device && st.st_ino == wire->inode &&
           recv(wire->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* --- both ways ------------------------------------------------------------------ */

static ssize_t put_some(struct redis_wire *wire, const void *bytes, size_t size, short *wants)
{
    *wants = POLLOUT;
    return wire->session != NULL ? redis_tls.send(wire->session, bytes, size, wants)
                                 : send(wire->fd, bytes, size, MSG_NOSIGNAL);
}

static ssize_t get_some(struct redis_wire *wire, void *bytes, size_t size, short *wants)
{
    *wants = POLLIN;
    return wire->session != NULL ? redis_tls.recv(wire->session, bytes, size, wants)
                                 : recv(wire->fd, bytes, size, 0);
}

static int send_all(struct redis_wire *wire, const void *bytes, size_t size, struct ps_error *err)
{
    uint64_t deadline = module_until(wire->timeout_ns);
    const char *from = bytes;

    while (size > 0) {
        short wants;
        ssize_t sent = put_some(wire, from, size, &wants);
        int error = 0;

        if (sent >= 0) {
            from += sent;
            size -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK)
            error = redis_wire_wait(wire, wants, deadline);
        else if (errno != EINTR)
            error = errno;
        if (error != 0)
            return broken(wire, error, "can't send", err);
    }
    return 0;
}

static int flush(struct redis_wire *wire, struct ps_error *err)
{
    size_t size = wire->out_size;

    wire->out_size = 0;
    return size > 0 ? send_all(wire, wire->out, size, err) : 0;
}

int redis_wire_send(struct redis_wire *wire, const void *bytes, size_t size, struct ps_error *err)
{
    int result = flush(wire, err);

    return result < 0 ? result : send_all(wire, bytes, size, err);
}

int redis_wire_command(struct redis_wire *wire, int count, const char *const *words,
                       struct ps_error *err)
{
    char *command;
    /* hiredis does not change the words, but does not say so */
    int result = 0,
        size = (int)redisFormatCommandArgv(&command, count, (const char **)(uintptr_t)words, NULL);

    if (size < 0)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "redis %s", wire->name);
    if ((size_t)size > sizeof(wire->out) - wire->out_size)
        result = flush(wire, err);
    if (result == 0 && (size_t)size > sizeof(wire->out))
        result = send_all(wire, command, (size_t)size, err);
    else if (result == 0) {
        memcpy(wire->out + wire->out_size, command, (size_t)size);
        wire->out_size += (size_t)size;
    }
    redisFreeCommand(command);
    return result;
}

static int receive(struct redis_wire *wire, uint64_t deadline, struct ps_error *err)
{
    char buffer[RECEIVE];

    for (;;) {
        short wants;
        ssize_t got;
        int error = 0;

        /* also of one that never stops sending */
        if (module_now() >= deadline)
            return broken(wire, ETIMEDOUT, "no answer", err);
        got = get_some(wire, buffer, sizeof(buffer), &wants);
        if (got > 0) {
            if (wire->reader->len - wire->reader->pos > LONGEST)
                return broken(wire, 0, "an answer without end", err);
            if (redisReaderFeed(wire->reader, buffer, (size_t)got) == REDIS_OK)
                return 0;
            return ps_error_set(err, PS_E_NOMEM, ENOMEM, "redis %s", wire->name);
        }
        if (got == 0)
            return broken(wire, 0, "closed the connection", err);
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            error = redis_wire_wait(wire, wants, deadline);
        else if (errno != EINTR)
            error = errno;
        if (error != 0)
            return broken(wire, error, "no answer", err);
    }
}

int redis_wire_reply(struct redis_wire *wire, struct redis_reply **reply, struct ps_error *err)
{
    uint64_t deadline = module_until(wire->timeout_ns);
    int result = flush(wire, err);
    void *got = NULL;

    if (result < 0)
        return result;
    for (;;) {
        if (redisReaderGetReply(wire->reader, &got) != REDIS_OK)
            return ps_error_set(err, PS_E_UNAVAILABLE, 0, "redis %s: not understood: %.100s",
                                wire->name, wire->reader->errstr);
        if (got != NULL)
            break;
        result = receive(wire, deadline, err);
        if (result < 0)
            return result;
    }
    *reply = got;
    wire->last = module_now();
    return 0;
}
