/*
 * supervised.c: what calls of a supervised program take; to be built static
 *
 *     supervised PSCTL FILE PROXY SECONDS
 *
 * Two processes take turns: this one, and the same program run by psctl. Each
 * does rounds of calls. Prints name=value words, as print_figure in timing.h
 * does: the ratios of the times of calls that the supervisor need not see
 * (getppid, and pread of a plain file), and the microseconds of one that it
 * sees: pread of 4 KiB of an object, of which nothing need be fetched. All by
 * wall time: the supervisor is another process.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "timing.h"

enum { ROUND = 500, SIZE = 4096 };

static int file, proxy, to_other[2], from_other[2];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        die(path);
    return fd;
}

static struct took call_round(char kind)
{
    static char bytes[SIZE];
    struct took begin = now();

    for (int i = 0; i < ROUND; i++)
        if (kind == 'g')
            syscall(SYS_getppid);
        else if (pread(kind == 'p' ? file : proxy, bytes, SIZE, 0) != SIZE)
            die("pread");
    return since(begin);
}

/* The other process: a letter comes, a time goes. */
static int be_asked(const char *file_path, const char *proxy_path)
{
    struct took took;
    char kind;

    file = open_file(file_path);
    proxy = open_file(proxy_path);
    while (read(0, &kind, 1) == 1) {
        took = call_round(kind);
        if (write(1, &took, sizeof(took)) != sizeof(took))
            die("write");
    }
    return 0;
}

static struct took ask(char kind)
{
    struct took took;

    if (write(to_other[1], &kind, 1) != 1 ||
        read(from_other[0], &took, sizeof(took)) != sizeof(took))
        die("the supervised process");
    return took;
}

static void start_other(char **argv)
{
    if (pipe(to_other) != 0 || pipe(from_other) != 0)
        die("pipe");
    if (fork() != 0) {
        close(from_other[1]);
        return;
    }
    dup2(to_other[0], 0);
    dup2(from_other[1], 1);
    close(to_other[1]);
    execl(argv[1], argv[1], "run", "--", argv[0], "asked", argv[2], argv[3], (char *)NULL);
    die(argv[1]);
}

/* A small letter: here; a capital: there */
static struct took measure(const void *kind)
{
    char letter = *(const char *)kind;

    return letter >= 'a' ? call_round(letter) : ask((char)(letter - 'A' + 'a'));
}

static double each_us(const struct pair *pair)
{
    return pair->second.wall / ROUND / 1000;
}

static double native_us(const struct pair *pair)
{
    return pair->first.wall / ROUND / 1000;
}

int main(int argc, char **argv)
{
    struct pairs pairs;

    if (argc == 4 && strcmp(argv[1], "asked") == 0)
        return be_asked(argv[2], argv[3]);
    if (argc != 5) {
        fputs("usage: supervised PSCTL FILE PROXY SECONDS\n", stderr);
        return 2;
    }
    start_other(argv);
    file = proxy = open_file(argv[2]);
    pairs = measure_pairs(argv[4], measure, "g", "G");
    print_figure(&pairs, "getppid", wall_ratio);
    pairs = measure_pairs(argv[4], measure, "p", "P");
    print_figure(&pairs, "pread", wall_ratio);
    pairs = measure_pairs(argv[4], measure, "n", "N");
    print_figure(&pairs, "seen", each_us);
    print_figure(&pairs, "native", native_us);
    printf("pairs=%zu\n", pairs.count);
    return 0;
}
