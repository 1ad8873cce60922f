/*
 * static_environ.c: a program that can't have libps; prints its environment
 *
 * run: static tool
 */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    for (char **each = environ; *each != NULL; each++)
        puts(*each);
    return 0;
}
