/*
 * link.c: a server and a client with a long way between them
 *
 *     link MS MB_PER_S SERVER [ARG ...] -- CLIENT [ARG ...]
 *
 * Each runs in a network namespace of its own, the server at 10.77.0.1. Between
 * them this process carries packets from one TUN device to the other: MS / 2
 * later each way, and no faster than so many megabytes in a second. The TCP
 * between them is the kernel's own. Ends as the client does, and ends the
 * server. Needs root.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MTU = 60000, PACKETS = 4096 }; /* few and large: this process has one processor's time */

struct packet {
    uint64_t due; /* ns */
    size_t size;
    char *bytes;
};

/* One direction: a ring, in the order in which packets came. */
struct way {
    int from, to;
    uint64_t free_ns; /* when the link has sent all that came before */
    unsigned head, tail;
    struct packet packets[PACKETS];
};

static uint64_t delay_ns, ns_per_mb;

static void stop(const char *what)
{
    fprintf(stderr, "link: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* --- the two ends ------------------------------------------------------------------- */

static void set_address(int control, struct ifreq *request, unsigned long what, const char *text)
{
    struct sockaddr_in *address = (struct sockaddr_in *)(void *)&request->ifr_addr;

    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    inet_pton(AF_INET, text, &address->sin_addr);
    if (ioctl(control, what, request) < 0)
        stop(text);
}

static void bring_up(int control, const char *name)
{
    struct ifreq request = {0};

    strcpy(request.ifr_name, name);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0)
        stop(name);
}

/* This process moves to a new namespace, and has a device there to the other end. */
static int open_end(const char *own, const char *other)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd, control;

    if (unshare(CLONE_NEWNET) < 0)
        stop("a network namespace");
    fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || control < 0)
        stop("/dev/net/tun");
    strcpy(request.ifr_name, "way");
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        stop("TUNSETIFF");
    set_address(control, &request, SIOCSIFADDR, own);
    set_address(control, &request, SIOCSIFDSTADDR, other);
    request.ifr_mtu = MTU;
    if (ioctl(control, SIOCSIFMTU, &request) < 0)
        stop("MTU");
    bring_up(control, "way");
    bring_up(control, "lo");
    close(control);
    return fd;
}

static pid_t start(char **argv)
{
    pid_t child = fork();

    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(argv[0], argv);
        fprintf(stderr, "link: %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    if (child < 0)
        stop("fork");
    return child;
}

/* --- between them -------------------------------------------------------------------- */

static void take(struct way *way)
{
    static char bytes[MTU + 64];
    ssize_t size;

    while (way->head - way->tail < PACKETS && (size = read(way->from, bytes, sizeof(bytes))) > 0) {
        struct packet *packet = &way->packets[way->head++ % PACKETS];
        uint64_t now = now_ns();

        if (way->free_ns < now)
            way->free_ns = now;
        way->free_ns += (uint64_t)size * ns_per_mb / 1000000;
        packet->due = way->free_ns + delay_ns;
        packet->size = (size_t)size;
        packet->bytes = malloc((size_t)size);
        if (packet->bytes == NULL)
            stop("memory");
        memcpy(packet->bytes, bytes, (size_t)size);
    }
}

static void give(struct way *way, uint64_t now)
{
    while (way->tail != way->head && way->packets[way->tail % PACKETS].due <= now) {
        struct packet *packet = &way->packets[way->tail++ % PACKETS];

        /* what does not fit is lost, as on any link */
        if (write(way->to, packet->bytes, packet->size) < 0 && errno != EAGAIN && errno != EIO)
            stop("a packet");
        free(packet->bytes);
    }
}

/* How long until the next packet is due, at most a tenth of a second. */
static struct timespec until_due(const struct way *ways, uint64_t now)
{
    uint64_t wait = 100000000;

    for (int i = 0; i < 2; i++)
        if (ways[i].tail != ways[i].head) {
            uint64_t due = ways[i].packets[ways[i].tail % PACKETS].due;

            due = due > now ? due - now : 0;
            wait = due < wait ? due : wait;
        }
    return (struct timespec){.tv_nsec = (long)wait};
}

static int carry(int near, int far, pid_t client)
{
    static struct way ways[2];
    struct pollfd polls[2] = {{near, POLLIN, 0}, {far, POLLIN, 0}};
    int status;

    ways[0].from = ways[1].to = near;
    ways[1].from = ways[0].to = far;
    while (waitpid(client, &status, WNOHANG) == 0) {
        uint64_t now = now_ns();
        struct timespec wait = until_due(ways, now);

        ppoll(polls, 2, &wait, NULL);
        for (int i = 0; i < 2; i++) {
            take(&ways[i]);
            give(&ways[i], now_ns());
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    int split = 3, near, far, status;
    pid_t server, client;

    while (split < argc && strcmp(argv[split], "--") != 0)
        split++;
    if (split + 1 >= argc || split == 3) {
        fprintf(stderr, "usage: link MS MB_PER_S SERVER [ARG ...] -- CLIENT [ARG ...]\n");
        return 2;
    }
    argv[split] = NULL;
    delay_ns = (uint64_t)(atof(argv[1]) * 1e6 / 2);
    ns_per_mb = (uint64_t)(1e9 / atof(argv[2]));
    prctl(PR_SET_TIMERSLACK, 1);
    far = open_end("10.77.0.1", "10.77.0.2");
    server = start(argv + 3);
    near = open_end("10.77.0.2", "10.77.0.1");
    client = start(argv + split + 1);
    status = carry(near, far, client);
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    return status;
}
