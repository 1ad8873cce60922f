/* run_check.c: which file a program's name means, and whether libps can be preloaded into it */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "psctl.h"

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#else
#error "libps knows x86-64 and aarch64"
#endif

/* --- from a name to a file ---------------------------------------------------------- */

/* try_program: 0 when path can be run, else an errno */
static int try_program(const char *path)
{
    struct stat status;
    int result = raw_stat(path, &status);

    if (result < 0)
        return -result;
    if (S_ISDIR(status.st_mode))
        return EISDIR;
    if (!S_ISREG(status.st_mode))
        return EACCES; /* as exec; and to open a pipe would wait */
    return access(path, X_OK) == 0 ? 0 : errno;
}

/* As shells have it: what exec says of a missing interpreter, it says of a missing program. */
static int status_of(int cause)
{
    return cause == ENOENT || cause == ENOTDIR ? STATUS_NO_PROGRAM : STATUS_CANNOT_RUN;
}

static int not_runnable(const char *name, int cause)
{
    fail("can't run %s: %s", name, strerror(cause));
    return status_of(cause);
}

/* search: name in the folders of PATH. 0 or the errno that tells most. */
static int search(const char *name, char *path, size_t size)
{
    const char *folder = getenv("PATH");
    struct stat status;
    int cause = ENOENT;

    if (folder == NULL)
        folder = "/usr/local/bin:/usr/bin:/bin";
    for (;; folder++) {
        int length = (int)strcspn(folder, ":");
        /* an empty part is this folder */
        int n = snprintf(path, size, "%.*s%s%s", length, folder, length > 0 ? "/" : "./", name);
        int result = n < 0 || (size_t)n >= size ? ENAMETOOLONG : try_program(path);

        if (result == 0)
            return 0;
        /* a folder that may not be searched has no such program, as far as this user knows */
        if (result == EACCES && raw_stat(path, &status) == 0)
            cause = result;
        folder += length;
        if (*folder == '\0')
            return cause;
    }
}

int find_program(const char *name, char *path, size_t size)
{
    int cause;

    if (strlen(name) >= size)
        return not_runnable("it", ENAMETOOLONG);
    if (strchr(name, '/') != NULL) {
        strcpy(path, name);
        cause = try_program(path);
        return cause == 0 ? STATUS_OK : not_runnable(name, cause);
    }
    cause = search(name, path, size);
    if (cause == 0)
        return STATUS_OK;
    if (cause == EACCES)
        return not_runnable(name, cause);
    fail("%s: no such program in PATH", name);
    return STATUS_NO_PROGRAM;
}

/* --- what kind of program ------------------------------------------------------------- */

/* What keeps libps from being preloaded, but a supervisor from nothing */
static void supervised(struct judgement *judgement, const char *why)
{
    *judgement = (struct judgement){why, 1};
}

static void refused(struct judgement *judgement, const char *why)
{
    *judgement = (struct judgement){why, 0};
}

/* check_rights: the loader ignores LD_PRELOAD where a program changes user, or gains rights */
static void check_rights(struct judgement *judgement, const char *path, const struct stat *status)
{
    struct statvfs system;
    char capability[64];

    if (statvfs(path, &system) == 0 && (system.f_flag & ST_NOSUID))
        return;
    if (((status->st_mode & S_ISUID) && status->st_uid != getuid()) ||
        /* without group execution, the bit means something else */
        ((status->st_mode & S_ISGID) && (status->st_mode & S_IXGRP) && status->st_gid != getgid()))
        refused(judgement, "runs with other rights than yours (setuid or setgid)");
    else if (getuid() != 0 &&
             getxattr(path, "security.capability", capability, sizeof(capability)) > 0)
        supervised(judgement, "has capabilities, without which it runs here");
}

static void check_loader(struct judgement *judgement, int fd, const Elf64_Phdr *segment)
{
    char loader[PATH_MAX];
    size_t size = segment->p_filesz < sizeof(loader) ? segment->p_filesz : sizeof(loader) - 1;
    ssize_t n = raw_pread(fd, loader, size, segment->p_offset);

    loader[n > 0 ? n : 0] = '\0';
    if (strstr(loader, "ld-musl") != NULL)
        supervised(judgement, "is linked to musl, not to glibc");
}

/* Go's code makes its system calls itself, also where it is linked to libc. */
static int is_go(int fd, const Elf64_Ehdr *header)
{
    Elf64_Shdr section;
    char names[4096];
    ssize_t n;

    if (header->e_shstrndx == SHN_UNDEF || header->e_shentsize != sizeof(section) ||
        raw_pread(fd, &section, sizeof(section),
                  header->e_shoff + (uint64_t)header->e_shstrndx * sizeof(section)) !=
            (ssize_t)sizeof(section))
        return 0;
    n = raw_pread(fd, names, section.sh_size < sizeof(names) ? section.sh_size : sizeof(names),
                  section.sh_offset);
    return n > 0 && (memmem(names, (size_t)n, "gopclntab", 9) != NULL ||
                     memmem(names, (size_t)n, ".go.buildi", 10) != NULL);
}

static void check_elf(struct judgement *judgement, int fd)
{
    Elf64_Ehdr header;

    if (raw_pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
        return; /* the kernel will say what is wrong with it */
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != OWN_MACHINE) {
        refused(judgement, header.e_ident[EI_CLASS] != ELFCLASS64
                               ? "is a 32-bit program"
                               : "is a program for another processor");
        return;
    }
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;

        if (raw_pread(fd, &segment, sizeof(segment),
                      header.e_phoff + (uint64_t)i * header.e_phentsize) !=
            (ssize_t)sizeof(segment))
            return;
        if (segment.p_type != PT_INTERP)
            continue;
        check_loader(judgement, fd, &segment);
        if (is_go(fd, &header))
            supervised(judgement, "is a Go program");
        return;
    }
    supervised(judgement, is_go(fd, &header) ? "is a Go program" : "is a static program");
}

/* interpreter_of: the program of a first line "#!program argument"; 0 when there is none */
static int interpreter_of(int fd, char *interpreter, size_t size)
{
    char line[256]; /* as much as the kernel reads */
    ssize_t n = raw_pread(fd, line, sizeof(line) - 1, 0);
    const char *name;
    size_t length;

    if (n < 3 || line[0] != '#' || line[1] != '!')
        return 0;
    line[n] = '\0';
    name = line + 2 + strspn(line + 2, " \t");
    length = strcspn(name, " \t\n");
    if (length == 0 || length >= size)
        return 0;
    memcpy(interpreter, name, length);
    interpreter[length] = '\0';
    return 1;
}

static int is_elf(int fd)
{
    char magic[SELFMAG];

    return raw_pread(fd, magic, SELFMAG, 0) == SELFMAG && memcmp(magic, ELFMAG, SELFMAG) == 0;
}

int is_shell_text(const char *path)
{
    char head[128];
    int fd = raw_open(path, O_RDONLY, 0);
    ssize_t n = fd < 0 ? -1 : raw_pread(fd, head, sizeof(head), 0);

    if (fd >= 0)
        close(fd);
    return n >= 0 && memchr(head, '\0', (size_t)n) == NULL;
}

int judge_program(struct judgement *judgement, const char *path, const char *name)
{
    /* one to read, one to write: a chain of scripts is followed */
    static char interpreters[2][256];
    struct stat properties;
    int fd, cause, is_script = 0;

    /* the kernel follows five */
    for (int depth = 0; depth < 5; depth++) {
        char *next = interpreters[depth & 1];

        fd = raw_open(path, O_RDONLY, 0);
        if (fd < 0 || raw_stat(path, &properties) < 0)
            break; /* what can't be read can still be run */
        is_script = interpreter_of(fd, next, sizeof(interpreters[0]));
        if (!is_script) {
            check_rights(judgement, path, &properties);
            if (is_elf(fd) && (judgement->why == NULL || judgement->can_be_supervised))
                check_elf(judgement, fd);
            break;
        }
        close(fd);
        fd = -1;
        cause = try_program(next);
        if (cause != 0) {
            fail("can't run %s: its interpreter %s: %s", name, next, strerror(cause));
            return status_of(cause);
        }
        path = name = next;
    }
    if (fd >= 0)
        close(fd);
    return STATUS_OK;
}

int is_other_processor(const char *path)
{
    Elf64_Ehdr header;
    int fd = raw_open(path, O_RDONLY | O_NONBLOCK, 0), result = 0;

    if (fd < 0)
        return 0;
    if (is_elf(fd) &&
        raw_pread(fd, &header, sizeof(header), 0) >= (ssize_t)offsetof(Elf64_Ehdr, e_version))
        result = header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != OWN_MACHINE;
    close(fd);
    return result;
}
