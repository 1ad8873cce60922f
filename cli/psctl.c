/* psctl.c: the command line of libps: picks a command from the table below */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "psctl.h"

static int cmd_help(const struct command *self, int argc, char **argv);

/* What put and copy have in common. */
#define INTO_STORE                                                                                 \
    "  -s, --store NAME|URL  the store; without it, the default store\n"                           \
    "  -k, --key KEY         the key; without it, a new unique one\n"                              \
    "  -f, --force           replace an object that has this key already; its\n"                   \
    "                        older proxies fail from then on\n"

static const struct command commands[] = {
    {"put", cmd_put,
     "put FILE [-o PROXY] [--store NAME|URL] [--key KEY] [--force] [--digest] [--quiet] [--json]",
     "store a file; leave a proxy file",
     "Stores the bytes of FILE (- is standard input) as an object and writes the proxy\n"
     "FILE.psx.\n"
     "FILE itself is left as it is.\n"
     "\n"
     "  -o, --output PROXY    write the proxy there; - is standard output\n" INTO_STORE
     "  -d, --digest          keep its SHA-256 in the proxy\n"
     "  -q, --quiet           no progress, on a terminal either\n"
     "  -j, --json            print one JSON object\n"},
    {"copy", cmd_copy,
     "copy PROXY -o NEW [--store NAME|URL] [--key KEY] [--force] [--digest] [--quiet] [--json]",
     "copy an object into another store",
     "Stores the object of PROXY (a proxy file or a URI) in another store, as it comes,\n"
     "and writes the proxy NEW of it. The object and PROXY stay.\n"
     "\n"
     "  -o, --output NEW      write the proxy there; - is standard output\n" INTO_STORE
     "  -d, --digest          keep its SHA-256 in NEW; one that PROXY has is kept anyhow\n"
     "  -q, --quiet           no progress, on a terminal either\n"
     "  -j, --json            print one JSON object\n"},
    {"proxy", cmd_proxy, "proxy PATH|URL [-o PROXY] [--json]",
     "make a proxy of what is already there",
     "Writes a proxy of a file or of an object at a URL. Nothing is copied, so the\n"
     "proxy is good for as long as what it names stays unchanged.\n"
     "\n"
     "  -o, --output PROXY    write the proxy there; - is standard output; without it, to\n"
     "                        PATH.psx, and for a URL to its last part with .psx in this\n"
     "                        folder\n"
     "  -j, --json            print one JSON object\n"},
    {"get", cmd_get, "get PROXY [-o FILE] [--quiet] [--json]", "fetch a whole object",
     "Writes the object of PROXY (a proxy file or a URI) to standard output when that\n"
     "is no terminal, else to the name of PROXY without .psx.\n"
     "\n"
     "  -o, --output FILE     write it there, whole or not at all; - is standard output\n"
     "  -q, --quiet           no progress, on a terminal either\n"
     "  -j, --json            print one JSON object; the object itself goes to a file\n"},
    {"verify", cmd_verify, "verify PROXY... [--json] [--quiet]",
     "fetch whole objects, and check them",
     "Reads all of each object and says whether it is the one that its proxy names, by\n"
     "size, version and, where the proxy has one, digest. Status 1 when one is not.\n"
     "\n"
     "  -j, --json            one JSON object for each, on a line of its own\n"
     "  -q, --quiet           no progress, on a terminal either\n"},
    {"exists", cmd_exists, "exists PROXY [--json]", "tell by the status whether an object is there",
     "Status 0 when the store has the object of PROXY (a proxy file or a URI), 1 when it\n"
     "has none, 3 when it can't be asked. Prints nothing but errors.\n"
     "\n"
     "  -j, --json            print one JSON object\n"},
    {"info", cmd_info, "info PROXY [--json] [--check]", "show what a proxy says",
     "Prints the fields of PROXY (a proxy file or a URI). Asks no store.\n"
     "\n"
     "  -c, --check           ask the store whether the object is there and is the one\n"
     "                        that the proxy names; status 1 when not\n"
     "  -j, --json            one JSON object\n"},
    {"ls", cmd_ls, "ls [NAME|URL] [--json]", "list the objects of a store",
     "Prints key, size and version of each object of a store, with tabs between them, in\n"
     "no order. Without a name or URL it is the default store.\n"
     "\n"
     "  -j, --json            one JSON object a line\n"},
    {"evict", cmd_evict, "evict PROXY [--force] [--json]", "remove an object from its store",
     "Removes the object of PROXY from its store. The proxy file stays; from then on\n"
     "it, and every other proxy of the object, fails as \"not found\".\n"
     "\n"
     "  -f, --force           also remove a file that no store made\n"
     "  -j, --json            print one JSON object\n"},
    {"run", cmd_run,
     "run [--stats] [--json] [--learn] [--profile[=FILE]] [--engine E] [--mount /FOLDER=STORE] "
     "[--force] [--verbose] [--] PROGRAM [ARG...]",
     "run a program that sees objects in place of proxies",
     "Runs PROGRAM with libps preloaded, or supervised where it can't be (static, of Go,\n"
     "linked to musl). The exit status is the program's own, or\n"
     "128 + n when signal n ended it, 126 when it cannot be run, 127 when it is not found.\n"
     "\n"
     "  -s, --stats           print at the end, on stderr, what was fetched\n"
     "  -j, --json            print that as one JSON object\n"
     "  -l, --learn           note what it fetches, and have it ready in its next run\n"
     "  -p, --profile[=FILE]  write which functions waited for data, into FILE.folded and\n"
     "                        FILE.svg; FILE is psctl-profile where it is not given\n"
     "  -e, --engine E        force an engine, as PS_ENGINE does\n"
     "  -m, --mount /FOLDER=STORE  have it find the objects of a store in a folder\n"
     "  -f, --force           run it even if it can't be preloaded, and don't supervise it\n"
     "  -v, --verbose         say which of the two it is, and why\n"},
    {"doctor", cmd_doctor, "doctor [--json]", "show what this machine offers",
     "Prints the engines, the kernel's settings, the limits and the configuration that\n"
     "libps finds here. Status 1 when libps would not work.\n"
     "\n"
     "  -j, --json            print one JSON object\n"},
    {"help", cmd_help, "help [COMMAND]", "show this, or the help of a command",
     "Prints what psctl, or one of its commands, does.\n"},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int show_overview(void)
{
    printf("usage: psctl COMMAND ...\n\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    printf("\n\"psctl COMMAND --help\" tells more; so does psctl(1).\n");
    return STATUS_OK;
}

static int unknown_command(const char *name)
{
    fprintf(stderr, "psctl: unknown command \"");
    print_clean(stderr, name);
    fprintf(stderr, "\"; see psctl help\n");
    return STATUS_USAGE;
}

static int cmd_help(const struct command *self, int argc, char **argv)
{
    const struct command *command;

    if (argc < 2)
        return show_overview();
    if (argc > 2)
        return usage(self, "one command at a time");
    if (strcmp(argv[1], "--help") == 0)
        return show_help(self);
    command = find_command(argv[1]);
    return command != NULL ? show_help(command) : unknown_command(argv[1]);
}

static int dispatch(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2) {
        fprintf(stderr, "psctl: no command; see psctl help\n");
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return show_overview();
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("psctl %s\n", ps_version());
        return STATUS_OK;
    }
    command = find_command(argv[1]);
    if (command == NULL)
        return unknown_command(argv[1]);
    return command->run(command, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    int status = dispatch(argc, argv);

    /* an answer that could not be written, on a full disk say, was not given */
    if (fflush(stdout) != 0 || ferror(stdout))
        return status == STATUS_OK ? fail("standard output: %s", strerror(errno)) : status;
    return status;
}
