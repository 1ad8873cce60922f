/*
 * lazy_stream.c: a stream writes lazy memory of a program that never opened a proxy
 *
 * run: link
 */
#include "check.h"

#include <ps/ps.h>

int main(void)
{
    struct ps_error err = {0};
    unsigned char *map = ps_lazy_map(px("small"), NULL, NULL, &err), *bytes = malloc(SMALL);
    FILE *stream = fopen(tmp("written"), "w+");

    CHECK(map != NULL && bytes != NULL && stream != NULL);
    CHECK(fwrite(map, 1, SMALL, stream) == SMALL && fseek(stream, 0, SEEK_SET) == 0);
    CHECK(fread(bytes, 1, SMALL, stream) == SMALL);
    BYTES(bytes, SMALL, 0);
    return fclose(stream);
}
