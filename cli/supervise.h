/*
 * supervise.h: programs that libps can't be preloaded into
 *
 * Three processes. psctl itself stays, waits for the program, and passes
 * signals on. Its child, the supervisor, is told by the kernel of each system
 * call of the program, and of all that this starts, which may meet a proxy
 * (seccomp user notification), and answers it or lets it go on. Its child is
 * the program: under Yama's rules only an ancestor may look into a process.
 *
 * The supervisor is a program that has libps: what it opens of a proxy is an
 * image, and what it reads of one is there. It gives the caller a descriptor of
 * the image with a number of at least IMAGE_NUMBERS, so that the filter tells
 * by the number which reads concern it; no others are slowed down. Such a read
 * is done here, into the caller's memory. Whatever would lead to reads that are
 * not seen (a mapping, a copy under a lower number, a message to another
 * process) waits until all of the object is there, which then needs no watching.
 */
#ifndef SUPERVISE_H
#define SUPERVISE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

struct sock_fprog;

/* The first number of images' descriptors, and the limit: what select(2) can take. */
enum { IMAGE_NUMBERS = 512, NUMBERS_END = 1024 };

/* --- from a program to its supervisor (supervise.c) ------------------------------- */

/*
 * supervise: run a program under a supervisor, and wait for it
 *
 * The exit status; *is_started: 0 when the program could not be run, which has
 * been said. raises: psctl ends by the signal that ended the program.
 */
int supervise(const char *path, char **argv, bool raises, int *is_started);

/* --- the system calls (supervise_rules.c, supervise_filter.c, supervise_serve.c) ---- */

/* A call that waits for its answer. */
struct call {
    int listener;
    uint64_t id;
    pid_t thread;
    int number;
    const uint64_t *args;
};

enum watch {
    WATCH_ALL,  /* each of these calls */
    WATCH_FD,   /* those whose argument `at` is a number for images */
    WATCH_DUP,  /* fcntl: those of them that copy a descriptor */
    WATCH_HOLE, /* lseek: those of them that ask for holes */
    WATCH_MAP,  /* mmap: those of them that map a file */
    DENY        /* ENOSYS: its reads could not be seen */
};

struct rule {
    int number;
    enum watch watch;
    int at;
    void (*answer)(struct call *call);
};

extern const struct rule rules[];
extern const unsigned rule_count;

/* install_filter: for this thread and what it starts. The listener, or a negative errno. */
int install_filter(void);

/* is_listener: has this kernel all that is needed of it? */
bool is_listener(int listener);

/* serve: answer calls, by threads; 0 or an errno */
int serve(int listener);

/* go_on: the kernel does the call. answer: it returns value, or a negative errno. False: its caller
 * is gone, or was interrupted and will call again. */
void go_on(const struct call *call);
bool answer(const struct call *call, long value);

/* --- who calls (supervise_caller.c) ------------------------------------------------ */

/* caller_fd: a copy of the caller's descriptor, to be closed by raw_close; or a negative errno */
int caller_fd(const struct call *call, int fd);
void raw_close(int fd);

/*
 * caller_refused: what could not be read of the caller makes its call fail with result
 *
 * The kernel says so itself where the caller is wrong. One that may not be
 * looked into would get what is not there: EIO.
 */
void caller_refused(const struct call *call, long result);

/* 0 or a negative errno. text: a path, of PATH_MAX bytes. */
int caller_read(const struct call *call, void *to, uint64_t from, size_t size);
int caller_text(const struct call *call, char *text, uint64_t from);

/* caller_write: how many bytes could be written, or a negative errno; -ESRCH: it is gone */
ssize_t caller_write(const struct call *call, uint64_t to, const void *from, size_t size);

/*
 * caller_path: an O_PATH descriptor of what a path is to the caller; or a negative errno
 *
 * -EXDEV: it leads through a link of /proc to something that is not known here.
 */
int caller_path(const struct call *call, int dir, const char *path, bool follows, uint64_t resolve);

/* caller_is_us: has it the user that the supervisor has? */
bool caller_is_us(const struct call *call);

/* caller_moved: from now on some may have another root */
void caller_moved(void);

/* --- images that callers have (supervise_image.c) ------------------------------------ */

/* Never freed: a program may have it for ever. */
struct image {
    dev_t device;
    ino_t inode;
    _Atomic bool is_whole; /* or the object's own file: nothing to watch */
    pthread_mutex_t lock;  /* protects what follows, and is_whole becoming true */
    int readers;           /* who use fd at this moment */
    int fd;                /* -1 when it is whole */
    struct stat status;    /* as programs see it, by the proxy file that was opened last */
    struct statx statx;
    struct image *next;
};

/* image_of: what a descriptor shows, or NULL */
struct image *image_of(int fd);

/* image_keep: fd, just opened, shows an object: remember it. NULL: no memory. fd is the image's. */
struct image *image_keep(int fd, bool is_plain);

/* image_whole: all of it is there, for readers that are not seen; 0 or -EIO, which was reported */
int image_whole(struct image *image);
int images_whole(void); /* each of them */

/* image_read: of the object into buffer, as pread; copy: a descriptor of it. Or a negative errno.
 */
ssize_t image_read(struct image *image, int copy, void *buffer, size_t size, uint64_t offset);

/* image_stat: what stat and statx say of it */
void image_stat(struct image *image, struct stat *status, struct statx *statx);

/* --- paths (supervise_path.c) --------------------------------------------------------- */

/* What a path names, for one call. */
struct named {
    int fd; /* O_PATH */
    bool is_uri;
    struct stat status;
    char path[PATH_MAX]; /* by which it can be opened here */
};

/*
 * find_named: what a path names, if that may be a proxy file or is an image
 *
 * Then true, and the caller closes named->fd by raw_close. Else the call was answered.
 */
bool find_named(struct named *named, const struct call *call, int dir, const char *path,
                bool follows, uint64_t resolve);

/* name_it: fill named->path, with its own path where it still has that, as reports show it */
void name_it(struct named *named);

/* --- URIs as paths (supervise_uri.c) --------------------------------------------------- */

/* uri_of: what libps, in this process, may know as a URI, of a path that gave ENOENT; or NULL */
const char *uri_of(const struct call *call, int dir, const char *path);

/* refuse_uri: the kernel does an open that no object can have; unless path is a URI */
void refuse_uri(const struct call *call, int dir, uint64_t path, uint64_t flags, uint64_t resolve);

void answer_access(struct call *call);
void answer_faccessat(struct call *call);
void answer_faccessat2(struct call *call);

/* --- answers (supervise_open.c, supervise_stat.c, supervise_read.c, supervise_fd.c) ----- */

void answer_open(struct call *call);
void answer_creat(struct call *call);
void answer_openat(struct call *call);
void answer_openat2(struct call *call);

void answer_stat(struct call *call);
void answer_lstat(struct call *call);
void answer_fstat(struct call *call);
void answer_newfstatat(struct call *call);
void answer_statx(struct call *call);

void answer_read(struct call *call);
void answer_pread(struct call *call);
void answer_readv(struct call *call);
void answer_preadv(struct call *call);
void answer_lseek(struct call *call);

void answer_copied_0(struct call *call); /* descriptor in the first argument, and so on */
void answer_copied_1(struct call *call);
void answer_copied_4(struct call *call);
void answer_taken(struct call *call);
void answer_sendmsg(struct call *call);
void answer_sendmmsg(struct call *call);
void answer_moved(struct call *call);
void answer_execve(struct call *call);
void answer_execveat(struct call *call);

#endif
