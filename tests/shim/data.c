/*
 * data.c: make the objects
 *
 *     data FOLDER
 *
 * run: tool
 */
#include "check.h"

static void make(const char *folder, const char *name, size_t size)
{
    char path[1024];
    unsigned char *bytes = malloc(size + 1);
    FILE *out;

    CHECK(bytes != NULL);
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(i);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    out = fopen(path, "w");
    CHECK(out != NULL && fwrite(bytes, 1, size, out) == size && fclose(out) == 0);
    free(bytes);
}

/* Lines of numbers, one of more than a megabyte, and letters of two and three bytes. */
static void make_text(const char *folder)
{
    char path[1024];
    FILE *out;

    snprintf(path, sizeof(path), "%s/text", folder);
    out = fopen(path, "w");
    CHECK(out != NULL);
    for (int i = 0; i < 60000; i++)
        fprintf(out, "%d %d.25 line\xc3\xa9\xe2\x82\xac%x\n", i, i * 7, i * 2654435761u);
    for (int i = 0; i < 1300000; i++)
        putc('a' + i % 26, out);
    for (int i = 0; i < 3000; i++)
        fprintf(out, "\n%d", i);
    CHECK(fclose(out) == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    make(argv[1], "small", SMALL);
    make(argv[1], "big", BIG);
    make(argv[1], "empty", 0);
    make(argv[1], "one", 1);
    make(argv[1], "page-1", PAGE - 1);
    make(argv[1], "page", PAGE);
    make(argv[1], "page+1", PAGE + 1);
    make_text(argv[1]);
    return 0;
}
