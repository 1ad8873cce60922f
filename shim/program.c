/* program.c: see program.h */
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/sys.h"
#include "preload.h"

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#else
#error "libps knows x86-64 and aarch64"
#endif

enum { LINE = 256 /* of a script, as much as the kernel reads */, SCRIPTS_MAX = 5 };

/* --- the environment ------------------------------------------------------------------- */

struct file {
    dev_t device;
    ino_t inode; /* 0: not known */
};

/* This libps, and what loaded it, as they were then: a program may have moved to another root */
static struct file own_library, own_loader;
/* Where it was, and by what it was found */
static const char *own_path, *own_list, *own_folders;

static struct file file_of(const char *path)
{
    struct stat st;

    if (path == NULL || sys_fstatat(AT_FDCWD, path, &st, 0) < 0)
        return (struct file){0};
    return (struct file){st.st_dev, st.st_ino};
}

static bool is_same(struct file one, struct file other)
{
    return one.inode != 0 && one.inode == other.inode && one.device == other.device;
}

/* *again: there is one more, and which of them counts is its reader's affair */
static const char *value_of(char *const environment[], const char *name, bool *again)
{
    const char *value = NULL;
    size_t length = strlen(name);

    *again = false;
    for (; environment != NULL && *environment != NULL && !*again; environment++) {
        if (strncmp(*environment, name, length) != 0)
            continue;
        *again = value != NULL;
        if (value == NULL)
            value = *environment + length;
    }
    return value;
}

void ps_program_begin(const char *library, const char *loader, char *const environment[])
{
    bool again;

    own_path = library;
    own_library = file_of(library);
    own_loader = file_of(loader);
    own_list = value_of(environment, "LD_PRELOAD=", &again);
    own_folders = value_of(environment, "LD_LIBRARY_PATH=", &again);
}

/* The parts of LD_PRELOAD: *list is moved behind the next, NULL behind the last */
static const char *next_part(const char **list, size_t *length)
{
    const char *part = *list;

    *length = strcspn(part, " :");
    *list = part[*length] != '\0' ? part + *length + 1 : NULL;
    return part;
}

static bool is_libps(const char *path)
{
    return is_same(file_of(path), own_library) &&
           sys_call3(SYS_faccessat, AT_FDCWD, path, R_OK) == 0;
}

static bool leads_to_libps(const char *part, size_t length)
{
    char path[PATH_MAX];

    if (length >= sizeof(path))
        return false;
    memcpy(path, part, length);
    path[length] = '\0';
    return is_libps(path);
}

/* What the loader searches for, it finds where it found it for this process, if asked the same. */
static bool is_searched_as_own(const char *part, size_t length, char *const environment[])
{
    static const char stem[] = "libps.so";
    const char *slash = memrchr(part, '/', length), *list = own_list, *folders, *own;
    const char *name = slash != NULL ? slash + 1 : part;
    size_t own_length;
    bool again;

    folders = value_of(environment, "LD_LIBRARY_PATH=", &again);
    if (strncmp(name, stem, sizeof(stem) - 1) != 0 || again || own_path == NULL ||
        own_path[0] != '/' || !is_libps(own_path) ||
        memmem(part, length, "ORIGIN", 6) != NULL || /* the program's own folder */
        strcmp(folders != NULL ? folders : "", own_folders != NULL ? own_folders : "") != 0)
        return false;
    while (list != NULL) {
        own = next_part(&list, &own_length);
        if (own_length == length && memcmp(own, part, length) == 0)
            return true;
    }
    return false;
}

bool ps_program_preloads(char *const environment[])
{
    bool again, preloads = false;
    const char *list = value_of(environment, "LD_PRELOAD=", &again);

    while (list != NULL && !again && !preloads) {
        size_t length;
        const char *part = next_part(&list, &length);
        bool is_path = memchr(part, '/', length) != NULL && memchr(part, '$', length) == NULL;

        preloads =
            is_path ? leads_to_libps(part, length) : is_searched_as_own(part, length, environment);
    }
    return preloads;
}

/* Not a part of its caller, which all programs call: the room on the stack is for few. */
__attribute__((noinline)) static bool is_own_program(const char *path)
{
    char own[PATH_MAX];
    ssize_t length = sys_readlinkat(AT_FDCWD, "/proc/self/exe", own, sizeof(own) - 1);

    own[length > 0 ? length : 0] = '\0';
    return strcmp(own, path) == 0;
}

const char *ps_program_supervisor(char *const environment[])
{
    bool again;
    const char *path = value_of(environment, "PS_SUPERVISOR=", &again);

    if (path == NULL || again || path[0] != '/' ||
        sys_call3(SYS_faccessat, AT_FDCWD, path, X_OK) != 0)
        return NULL;
    return is_own_program(path) ? NULL : path; /* psctl itself has judged already */
}

/* --- ELF ------------------------------------------------------------------------------- */

/* By the one that loaded this libps: another, of another C library or release, may not. */
static enum ps_program judge_loader(int fd, const Elf64_Phdr *segment)
{
    char path[PATH_MAX];
    struct file loader;
    size_t size = segment->p_filesz < sizeof(path) ? segment->p_filesz : sizeof(path) - 1;
    ssize_t got = sys_pread(fd, path, size, segment->p_offset);

    path[got > 0 ? got : 0] = '\0';
    loader = file_of(path);
    if (loader.inode == 0)
        return PS_PROGRAM_NONE;
    return is_same(loader, own_loader) ? PS_PROGRAM_AWARE : PS_PROGRAM_FOREIGN;
}

/*
 * Go's own code makes its system calls itself, also where libc is there for
 * parts in C. A section tells it; what has no names of sections is not known.
 */
static bool may_be_go(int fd, const Elf64_Ehdr *header)
{
    char names[4096];
    Elf64_Shdr section;
    ssize_t got;

    if (header->e_shstrndx == SHN_UNDEF || header->e_shentsize != sizeof(section) ||
        sys_pread(fd, &section, sizeof(section),
                  header->e_shoff + (uint64_t)header->e_shstrndx * sizeof(section)) !=
            (ssize_t)sizeof(section) ||
        section.sh_size > sizeof(names))
        return true;
    got = sys_pread(fd, names, section.sh_size, section.sh_offset);
    return got <= 0 || (uint64_t)got != section.sh_size ||
           memmem(names, (size_t)got, "gopclntab", 9) != NULL ||
           memmem(names, (size_t)got, ".go.buildi", 10) != NULL;
}

static enum ps_program judge_elf(int fd)
{
    Elf64_Ehdr header;
    Elf64_Phdr segment;

    if (sys_pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != OWN_MACHINE)
        return PS_PROGRAM_UNAWARE;
    if (may_be_go(fd, &header))
        return PS_PROGRAM_FOREIGN;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        if (sys_pread(fd, &segment, sizeof(segment),
                      header.e_phoff + (uint64_t)i * sizeof(segment)) != (ssize_t)sizeof(segment))
            break;
        if (segment.p_type == PT_INTERP)
            return judge_loader(fd, &segment);
    }
    return PS_PROGRAM_FOREIGN; /* static */
}

/* --- rights ---------------------------------------------------------------------------- */

static long id(long call)
{
    return sys_call3(call, 0, 0, 0);
}

/*
 * Does the loader ignore LD_PRELOAD, as the program gets other rights than its
 * caller has? So do all programs of a process that has two users already.
 */
static bool has_other_rights(int fd, const struct stat *st)
{
    enum { VALID = 0x20, NOSUID = 2 }; /* of statfs(2) */
    char capability[64];
    struct statfs system;
    long user = id(SYS_getuid), group = id(SYS_getgid);

    if (user != id(SYS_geteuid) || group != id(SYS_getegid))
        return true;
    if (sys_call3(SYS_fstatfs, fd, &system, 0) == 0 && (system.f_flags & VALID) &&
        (system.f_flags & NOSUID))
        return false;
    if ((st->st_mode & S_ISUID) && st->st_uid != user)
        return true;
    /* without group execution, the bit means something else */
    if ((st->st_mode & S_ISGID) && (st->st_mode & S_IXGRP) && st->st_gid != group)
        return true;
    return user != 0 && sys_call6(SYS_fgetxattr, fd, (long)"security.capability", (long)capability,
                                  sizeof(capability), 0, 0) > 0;
}

/* --- files ----------------------------------------------------------------------------- */

/*
 * The interpreter, of LINE bytes, of a script: true. Else it is for the kernel,
 * for libc and shells, which give text to /bin/sh, or for binfmt_misc.
 */
static bool is_script(int fd, char *interpreter)
{
    char line[LINE];
    ssize_t got = sys_pread(fd, line, sizeof(line) - 1, 0);
    const char *name;
    size_t length;

    line[got > 0 ? got : 0] = '\0';
    if (line[0] != '#' || line[1] != '!')
        return false;
    name = line + 2 + strspn(line + 2, " \t");
    length = strcspn(name, " \t\n");
    memcpy(interpreter, name, length);
    interpreter[length] = '\0';
    return length > 0;
}

static bool is_elf(int fd)
{
    char magic[SELFMAG];

    return sys_pread(fd, magic, SELFMAG, 0) == SELFMAG && memcmp(magic, ELFMAG, SELFMAG) == 0;
}

int ps_program_file(int dir, const char *path, struct stat *st)
{
    if (sys_fstatat(dir, path, st, 0) < 0)
        return -ENOENT;
    if (!S_ISREG(st->st_mode) || !(st->st_mode & 0111))
        return -ENOEXEC;
#ifdef SYS_faccessat2
    if (sys_call6(SYS_faccessat2, dir, (long)path, X_OK, AT_EACCESS, 0, 0) == -EACCES)
        return -ENOEXEC;
#endif
    return 0;
}

/* A look at one that may be run. 0, or negative: none, or -EACCES where it can't be read */
static int look_at_program(struct ps_look *look, int dir, const char *path, struct stat *st)
{
    int result = ps_program_file(dir, path, st);

    if (result < 0)
        return result;
    result = ps_look_begin(look, dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return result < 0 ? -EACCES : 0;
}

enum ps_program ps_program_judge(int dir, const char *path)
{
    char interpreters[2][LINE]; /* one to read, one to write: a chain of scripts is followed */

    for (int depth = 0; depth <= SCRIPTS_MAX; depth++) {
        enum ps_program result = PS_PROGRAM_UNAWARE;
        struct ps_look look;
        struct stat st;
        int found = look_at_program(&look, dir, path, &st);
        bool follow;

        if (found < 0)
            return found == -EACCES ? PS_PROGRAM_UNAWARE : PS_PROGRAM_NONE;
        dir = AT_FDCWD;
        path = interpreters[depth & 1];
        follow = is_script(look.fd, interpreters[depth & 1]);
        if (!follow && is_elf(look.fd) && !has_other_rights(look.fd, &st))
            result = judge_elf(look.fd);
        ps_look_end(&look);
        if (!follow)
            return result;
    }
    return PS_PROGRAM_NONE; /* ELOOP */
}

enum ps_program ps_program_search(const char *name, bool moves, char *found)
{
    size_t name_length = strlen(name);
    bool again; /* getenv takes the first */
    const char *folder = value_of(environ, "PATH=", &again);

    if (strchr(name, '/') != NULL) {
        if (name_length >= PATH_MAX)
            return PS_PROGRAM_NONE; /* ENAMETOOLONG */
        memcpy(found, name, name_length + 1);
        return ps_program_judge(AT_FDCWD, name);
    }
    if (folder == NULL)
        folder = "/bin:/usr/bin"; /* libc's own */
    for (;; folder++) {
        size_t length = strcspn(folder, ":");
        enum ps_program result = PS_PROGRAM_NONE;

        if (moves && folder[0] != '/')
            return PS_PROGRAM_UNAWARE;
        if (name_length > 0 && length + name_length + 2 <= PATH_MAX) {
            memcpy(found, folder, length);
            found[length] = '/';
            /* an empty part is this folder */
            memcpy(found + length + (length > 0), name, name_length + 1);
            result = ps_program_judge(AT_FDCWD, found);
        }
        folder += length;
        if (result != PS_PROGRAM_NONE || *folder == '\0')
            return result;
    }
}
