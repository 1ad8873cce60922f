/*
 * stdio.c: sixteen ways to read a stream give of a proxy what they give of the file
 *
 * run: fortify
 */
#include "check.h"

#include <locale.h>
#include <wchar.h>

/* What a way of reading saw: a hash of the bytes, and how many. */
static uint64_t hash, count;

static void see(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    count += size;
}

static FILE *open_stream(const char *path, const char *mode)
{
    FILE *in = fopen(path, mode);

    if (in == NULL)
        FAIL("fopen of %s, \"%s\"", path, mode);
    return in;
}

static void fread_small(const char *path)
{
    FILE *in = open_stream(path, "r");
    char piece[777];
    size_t got;

    while ((got = fread(piece, 1, sizeof(piece), in)) > 0)
        see(piece, got);
    CHECK(feof(in) && !ferror(in) && fclose(in) == 0);
}

static void fread_large(const char *path)
{
    FILE *in = open_stream(path, "rb");
    size_t size = 4 << 20, got;
    char *piece = malloc(size);

    CHECK(piece != NULL);
    while ((got = fread(piece, 1, size, in)) > 0)
        see(piece, got);
    free(piece);
    CHECK(fclose(in) == 0);
}

static void with_fgets(const char *path)
{
    FILE *in = open_stream(path, "r");
    char line[100];

    while (fgets(line, sizeof(line), in) != NULL)
        see(line, strlen(line));
    CHECK(fclose(in) == 0);
}

static void with_getline(const char *path)
{
    FILE *in = open_stream(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t got;

    while ((got = getline(&line, &room, in)) > 0)
        see(line, (size_t)got);
    free(line);
    CHECK(fclose(in) == 0);
}

static void with_fscanf(const char *path)
{
    FILE *in = open_stream(path, "r");
    char word[80];
    double number;
    int i;

    while (fscanf(in, "%d %lf %79s", &i, &number, word) == 3) {
        see(&i, sizeof(i));
        see(&number, sizeof(number));
        see(word, strlen(word));
    }
    CHECK(fclose(in) == 0);
}

static void with_getc(const char *path)
{
    FILE *in = open_stream(path, "r");
    int c;

    while ((c = getc(in)) != EOF)
        see(&c, 1);
    CHECK(fclose(in) == 0);
}

static void with_getc_unlocked(const char *path)
{
    FILE *in = open_stream(path, "r");
    int c;

    while ((c = getc_unlocked(in)) != EOF)
        see(&c, 1);
    CHECK(fclose(in) == 0);
}

static void with_fgetwc(const char *path)
{
    FILE *in = open_stream(path, "r");
    wint_t c;

    while ((c = fgetwc(in)) != WEOF)
        see(&c, sizeof(c));
    CHECK(!ferror(in) && fclose(in) == 0);
}

static void with_fseek(const char *path)
{
    FILE *in = open_stream(path, "r");

    for (long at = 2900000, c; at > 0; at -= 123456) {
        CHECK(fseek(in, at, SEEK_SET) == 0);
        c = getc(in);
        see(&c, sizeof(c));
    }
    CHECK(fseek(in, -5, SEEK_END) == 0);
    for (long c; (c = getc(in)) != EOF;)
        see(&c, sizeof(c));
    CHECK(fclose(in) == 0);
}

static void with_fileno(const char *path)
{
    FILE *in = open_stream(path, "r");
    int fd = fileno(in);
    char piece[5000];

    CHECK(getc(in) != EOF);
    CHECK(lseek(fd, 1234567, SEEK_SET) == 1234567);
    CHECK(read(fd, piece, sizeof(piece)) == sizeof(piece));
    see(piece, sizeof(piece));
    CHECK(fclose(in) == 0);
}

static void with_freopen(const char *path)
{
    char piece[5000];
    size_t got;

    CHECK(freopen(path, "r", stdin) == stdin);
    while ((got = fread(piece, 1, sizeof(piece), stdin)) > 0)
        see(piece, got);
}

static void unbuffered(const char *path)
{
    FILE *in = open_stream(path, "r");
    int c = 0;

    CHECK(setvbuf(in, NULL, _IONBF, 0) == 0);
    for (int i = 0; i < 20000 && (c = getc(in)) != EOF; i++)
        see(&c, 1);
    CHECK(fclose(in) == 0);
}

static void with_ungetc(const char *path)
{
    FILE *in = open_stream(path, "r");
    int c;

    for (int i = 0; (c = getc(in)) != EOF; i++) {
        if (i % 1000 == 0)
            CHECK(ungetc('#', in) == '#' && getc(in) == '#');
        see(&c, 1);
    }
    CHECK(fclose(in) == 0);
}

static void mode_m(const char *path)
{
    FILE *in = open_stream(path, "rm");
    char piece[3000];
    size_t got;

    while ((got = fread(piece, 1, sizeof(piece), in)) > 0)
        see(piece, got);
    CHECK(fclose(in) == 0);
}

static void mode_ccs(const char *path)
{
    FILE *in = open_stream(path, "r,ccs=UTF-8");
    wchar_t line[200];

    while (fgetws(line, 200, in) != NULL)
        see(line, wcslen(line) * sizeof(wchar_t));
    CHECK(fclose(in) == 0);
}

static void with_fgetpos(const char *path)
{
    FILE *in = open_stream(path, "r");
    char first[3000], second[3000];
    fpos_t position;

    CHECK(fseek(in, 1000000, SEEK_SET) == 0 && fgetpos(in, &position) == 0);
    CHECK(fread(first, 1, sizeof(first), in) == sizeof(first));
    rewind(in);
    CHECK(getc(in) == '0' && fsetpos(in, &position) == 0);
    CHECK(fread(second, 1, sizeof(second), in) == sizeof(second));
    CHECK(memcmp(first, second, sizeof(first)) == 0);
    see(second, sizeof(second));
    CHECK(fclose(in) == 0);
}

static const struct way {
    const char *name;
    void (*read)(const char *path);
} ways[] = {
    {"fread, small", fread_small},
    {"fread, 4 MiB", fread_large},
    {"fgets", with_fgets},
    {"getline", with_getline},
    {"fscanf", with_fscanf},
    {"getc", with_getc},
    {"getc_unlocked", with_getc_unlocked},
    {"fgetwc", with_fgetwc},
    {"fseek and getc", with_fseek},
    {"fileno, lseek and read", with_fileno},
    {"freopen of stdin", with_freopen},
    {"unbuffered", unbuffered},
    {"ungetc", with_ungetc},
    {"mode m", mode_m},
    {"mode ,ccs=", mode_ccs},
    {"fgetpos", with_fgetpos},
};

/* In a child of its own each time, so that every way meets an image with nothing in it. */
static void run(const struct way *way, const char *path, uint64_t *result)
{
    pid_t child = fork();

    if (child == 0) {
        way->read(path);
        result[0] = hash;
        result[1] = count;
        _exit(0);
    }
    reap(child);
}

/* A descriptor that exec closes, as the mode says; what follows a comma is no mode. */
static void mode_e(const char *path)
{
    const char *const modes[] = {"r", "re", "rbe", "rem", "r,ccs=UTF-8"};
    const int flags[] = {0, FD_CLOEXEC, FD_CLOEXEC, FD_CLOEXEC, 0};

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        FILE *in = open_stream(path, modes[i]);
        CHECK(fcntl(fileno(in), F_GETFD) == flags[i]);
        CHECK(freopen(path, modes[i], in) == in && fcntl(fileno(in), F_GETFD) == flags[i]);
        CHECK(fclose(in) == 0);
    }
}

/* A stream without a descriptor leaves errno as it was. */
static void without_descriptor(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    CHECK(out != NULL && fputs("text", out) >= 0);
    errno = 77;
    CHECK(fclose(out) == 0 && errno == 77 && size == 4);
    free(text);
}

int main(void)
{
    uint64_t *result = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(result != MAP_FAILED && setlocale(LC_ALL, "C.UTF-8") != NULL);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        run(&ways[i], data("text"), result);
        run(&ways[i], px("text"), result + 2);
        if (result[0] != result[2] || result[1] != result[3] || result[1] == 0)
            FAIL("%s: other bytes; %llu of %llu", ways[i].name, (unsigned long long)result[3],
                 (unsigned long long)result[1]);
    }
    mode_e(data("text"));
    mode_e(px("text"));
    without_descriptor();
    return 0;
}
