/*
 * uri.c: a URI as a path, in all ways to name a file, also with a slash too few and behind a folder
 *
 * run: talks fortify
 */
#include "check.h"

#include <sys/statfs.h>
#include <sys/xattr.h>
#include <time.h>

/* The object that a proxy file names */
static const char *uri_of(const char *proxy)
{
    static char texts[8][4094];
    static unsigned turn;
    char *text = texts[turn++ % 8], *object;
    int fd = (int)raw_call(SYS_openat, AT_FDCWD, (long)px(proxy), O_RDONLY, 0, 0, 0);
    long got = raw_call(SYS_read, fd, (long)text, 4093, 0, 0, 0);

    CHECK(got == 4093 && raw_call(SYS_close, fd, 0, 0, 0, 0, 0) == 0);
    object = memmem(text, 4093, "object: ", 8);
    CHECK(object != NULL);
    object += 8;
    *strchr(object, '\n') = '\0';
    return object;
}

static const char *text_of(const char *format, const char *a, const char *b)
{
    static char texts[8][4096];
    static unsigned turn;
    char *text = texts[turn++ % 8];

    snprintf(text, 4096, format, a, b);
    return text;
}

static void reads_all(int fd)
{
    static unsigned char bytes[SMALL + 1];
    ssize_t got, all = 0;

    CHECK(fd >= 0);
    while ((got = read(fd, bytes + all, sizeof(bytes) - (size_t)all)) > 0)
        all += got;
    CHECK(all == SMALL && close(fd) == 0);
    BYTES(bytes, SMALL, 0);
}

/* Is it a view of the object, and not its own file? Then the kernel knows the path of no store. */
static void opens(const char *uri)
{
    struct stat by_path, by_fd;
    int fd = open(uri, O_RDONLY);

    CHECK(fd >= 0);
    CHECK(stat(uri, &by_path) == 0 && fstat(fd, &by_fd) == 0);
    CHECK(by_path.st_size == SMALL && S_ISREG(by_path.st_mode));
    CHECK(by_path.st_ino == by_fd.st_ino && by_path.st_dev == by_fd.st_dev);
    reads_all(fd);
}

/* In each spelling that programs make of it */
static void spellings(const char *uri)
{
    const char *rest = strstr(uri, ":///") + 4;
    size_t length = (size_t)(rest - 4 - uri);
    char scheme[32], folder[4096];

    memcpy(scheme, uri, length);
    scheme[length] = '\0';
    CHECK(getcwd(folder, sizeof(folder)) == folder);
    opens(uri);
    opens(text_of("%s:/%s", scheme, rest));
    opens(text_of("./%s:/%s", scheme, rest));
    opens(text_of("%s/%s", folder, text_of("%s:/%s", scheme, rest)));
    opens(text_of("%s/%s", folder, uri));
    /* of another folder it is a file that is not there */
    FAILS(open(text_of("/usr/%s:/%s", scheme, rest), O_RDONLY), ENOENT);
    FAILS(open(text_of("/usr/%s", uri, ""), O_RDONLY), ENOENT);
}

static void opened_in_all_ways(const char *uri)
{
    uint64_t how[3] = {O_RDONLY, 0, 0};
    FILE *stream = fopen(uri, "r");
    int here = open(".", O_RDONLY | O_DIRECTORY), there = open("/usr", O_RDONLY | O_DIRECTORY);

    CHECK(stream != NULL && getc(stream) == byte_at(0) && getc(stream) == byte_at(1));
    CHECK(freopen(uri, "rm", stream) == stream && getc(stream) == byte_at(0));
    CHECK(fseek(stream, SMALL - 1, SEEK_SET) == 0 && getc(stream) == byte_at(SMALL - 1));
    CHECK(getc(stream) == EOF && feof(stream) && fclose(stream) == 0);
    reads_all(openat(AT_FDCWD, uri, O_RDONLY));
    reads_all(openat(here, uri, O_RDONLY | O_CLOEXEC));
    FAILS(openat(there, uri, O_RDONLY), ENOENT);
    reads_all((int)syscall(SYS_openat, AT_FDCWD, uri, O_RDONLY, 0));
    reads_all((int)syscall(SYS_openat2, AT_FDCWD, uri, how, sizeof(how)));
    reads_all(open(uri, O_RDONLY | O_CREAT, 0600));
    FAILS(open(uri, O_RDONLY | O_DIRECTORY), ENOTDIR);
    close(here);
    close(there);
}

static void asked_in_all_ways(const char *uri)
{
    struct stat st;
    struct statx stx;
    char list[64];

    errno = 7;
    CHECK(stat(uri, &st) == 0 && lstat(uri, &st) == 0 && st.st_size == SMALL &&
          S_ISREG(st.st_mode));
    CHECK(fstatat(AT_FDCWD, uri, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
          st.st_blocks == (SMALL + 511) / 512);
    CHECK(statx(AT_FDCWD, uri, 0, STATX_SIZE, &stx) == 0 && stx.stx_size == SMALL);
    CHECK(access(uri, F_OK) == 0 && access(uri, R_OK) == 0 && eaccess(uri, R_OK) == 0);
    CHECK(faccessat(AT_FDCWD, uri, R_OK, AT_EACCESS) == 0);
    CHECK(errno == 7);
    FAILS(access(uri, R_OK | W_OK), EROFS);
    CHECK(listxattr(uri, list, sizeof(list)) >= 0 && llistxattr(uri, list, sizeof(list)) >= 0);
    CHECK(getxattr(uri, "user.none", list, sizeof(list)) == -1 && errno != ENOENT);
    CHECK(lgetxattr(uri, "user.none", list, sizeof(list)) == -1 && errno != ENOENT);
}

/* Nothing is written, neither there nor into a file of this name. */
static void not_written(const char *uri)
{
    const char *options = strchr(uri, '?'), *other;
    char place[4096];

    snprintf(place, sizeof(place), "%.*s", (int)(options - uri), uri);
    other = text_of("%s.other%s", place, options);
    FAILS(open(uri, O_RDWR), EROFS);
    FAILS(open(uri, O_WRONLY | O_TRUNC), EROFS);
    FAILS(open(uri, O_RDONLY | O_TRUNC), EROFS);
    FAILS(creat(uri, 0600), EROFS);
    CHECK(fopen(uri, "r+") == NULL && errno == EROFS);
    CHECK(fopen(uri, "a") == NULL && errno == EROFS);
    FAILS(creat(other, 0600), ENOENT);
    FAILS(open(other, O_RDONLY), ENOENT);
    FAILS(access(other, F_OK), ENOENT);
    opens(uri);
}

/* What there is under such a name is what it is, whatever a URI would say. */
static void files_come_first(const char *uri)
{
    char scheme[64], folder[2200], byte;
    int fd;

    snprintf(scheme, sizeof(scheme), "%.*s:", (int)(strchr(uri, ':') - uri), uri);
    CHECK(chdir(tmp("")) == 0 && mkdir(scheme, 0700) == 0);
    snprintf(folder, sizeof(folder), "%s/mine", scheme);
    fd = open(folder, O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && write(fd, "m", 1) == 1 && close(fd) == 0);
    fd = open(text_of("%s///mine", scheme, ""), O_RDONLY);
    CHECK(fd >= 0 && read(fd, &byte, 1) == 1 && byte == 'm' && close(fd) == 0);
    CHECK(unlink(folder) == 0 && rmdir(scheme) == 0);
}

static void parts(const char *uri)
{
    unsigned char bytes[200];
    int fd = open(text_of("%s#offset=1000&size=100", uri, ""), O_RDONLY);

    CHECK(fd >= 0 && read(fd, bytes, sizeof(bytes)) == 100 && close(fd) == 0);
    BYTES(bytes, 100, 1000);
}

/*
 * What is not allowed is not there, as for programs that know URLs themselves,
 * and archives with such names. Only of what can be nothing else it is said.
 */
static void refused(const char *uri)
{
    const char *plain = "memory://nowhere/key?computed=1K";
    struct stat st;

    FAILS(stat(uri, &st), ENOENT);
    FAILS(access(uri, F_OK), ENOENT);
    FAILS(access(plain, W_OK), ENOENT);
    FAILS(open(plain, O_PATH), ENOENT);
    FAILS(open(uri, O_RDONLY), ENOENT); /* of file: programs know themselves */
    FAILS(open("memory:/nowhere/key?computed=1K", O_RDONLY), ENOENT);
    FAILS(open(text_of("%s/%s", tmp(""), plain), O_RDONLY), ENOENT);
    FAILS(creat(plain, 0600), ENOENT);
    FAILS(open(plain, O_RDWR), ENOENT);
    FAILS(open(text_of("no%s", uri, ""), O_RDONLY), ENOENT); /* no scheme of ours */
    hear();
    FAILS(open(plain, O_RDONLY), EACCES);
    heard_one("nowhere", "allow", "open", NULL);
    hear();
    CHECK(fopen(plain, "r") == NULL && errno == EACCES);
    heard_one("nowhere", "fopen", NULL);
}

/* What can't be asked for is not there: most such names are none of libps's. */
static void vforked(void)
{
    int status;
    pid_t child = vfork();

    if (child == 0) {
        int fd = open("foo:/bar", O_RDONLY);

        _exit(fd < 0 && errno == ENOENT ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void failing(const char *uri)
{
    char byte;
    int flag = creat(in("FLAGS", "on"), 0600), fd;

    CHECK(flag >= 0 && close(flag) == 0);
    fd = open(uri, O_RDONLY);
    CHECK(fd >= 0);
    FAILS(read(fd, &byte, 1), EIO);
    CHECK(unlink(in("FLAGS", "on")) == 0 && close(fd) == 0);
    opens(uri);
}

static void forked(const char *uri)
{
    pid_t child = fork();

    if (child == 0) {
        opens(uri);
        _exit(0);
    }
    reap(child);
    opens(uri);
}

/* A time of one of the many, or of its folder; nanoseconds: UTIME_NOW, or 0 for an hour ago */
static void used(const char *path, long nanoseconds)
{
    struct timespec times[2] = {{time(NULL) - 3600, nanoseconds}, {0, UTIME_OMIT}};

    CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
}

/* Of the proxy files of very many URIs, those go that nobody asks for; at most once a minute. */
static void swept(const char *uri)
{
    enum { MANY = 4200 };
    char folder[64], files[256], path[300], offset[16];
    int gone = 0, fd;

    snprintf(offset, sizeof(offset), "%d", (int)getpid() % 10000); /* a URI that none has used */
    snprintf(folder, sizeof(folder), "/dev/shm/libps-uri-%u", (unsigned)geteuid());
    snprintf(files, sizeof(files), "%s/test%%2Fswept%ld", folder, (long)getpid());
    CHECK(mkdir(files, 0700) == 0);
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "%s/%d%%psx", files, i);
        fd = creat(path, 0600);
        CHECK(fd >= 0 && close(fd) == 0);
        used(path, i % 2 == 0 ? 0 : UTIME_NOW);
    }
    used(folder, UTIME_NOW);
    CHECK(access(text_of("%s#size=1&offset=%s", uri, offset), F_OK) == 0);
    CHECK(access(text_of("%s/%s", files, "0%psx"), F_OK) == 0);
    used(folder, 0);
    CHECK(access(text_of("%s#size=2&offset=%s", uri, offset), F_OK) == 0);
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "%s/%d%%psx", files, i);
        gone += access(path, F_OK) != 0;
        CHECK(i % 2 == 0 || unlink(path) == 0);
    }
    CHECK(gone == MANY / 2 && rmdir(files) == 0);
}

/* And one that is asked for is a fresh one again; not as the kernel notes reads, once a day. */
static void asked_for(const char *uri)
{
    struct stat st, before;
    char path[4200];
    size_t used_up;

    used_up = (size_t)snprintf(path, sizeof(path), "/dev/shm/libps-uri-%u/", (unsigned)geteuid());
    for (const char *at = uri; *at != '\0' && used_up < sizeof(path) - 8; at++)
        used_up += (size_t)snprintf(path + used_up, 4, *at == '/' ? "%%2F" : "%c", *at);
    strcpy(path + used_up, "%psx");
    CHECK(stat(uri, &st) == 0 && stat(path, &st) == 0);
    used(path, 0);
    CHECK(raw_call(SYS_newfstatat, AT_FDCWD, (long)path, (long)&before, 0, 0, 0) == 0);
    usleep(50000); /* the clock of files is a coarse one */
    CHECK(stat(uri, &st) == 0 && stat(path, &st) == 0 && st.st_atime > time(NULL) - 600);
    CHECK(st.st_ctim.tv_nsec != before.st_ctim.tv_nsec);
}

int main(void)
{
    const char *small = uri_of("small");

    /* in a folder that a proxy file says nothing about */
    CHECK(chdir(tmp("")) == 0);
    hear();
    vforked();
    heard_nothing();
    spellings(small);
    spellings(uri_of("direct"));
    spellings(uri_of("slow"));
    opened_in_all_ways(small);
    opened_in_all_ways(uri_of("direct"));
    asked_in_all_ways(small);
    not_written(small);
    files_come_first(small);
    parts(small);
    refused(uri_of("refused"));
    failing(uri_of("error"));
    forked(small);
    swept(small);
    asked_for(small);
    return 0;
}
