/*
 * executed_program.c: says with what it was run; executed.c runs a proxy of it
 *
 * run: tool
 */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("%s ", argv[i]);
    printf("%s\n", getenv("MARK") != NULL ? getenv("MARK") : "none");
    return 33;
}
