/*
 * call_walk.c: what libc's own walks of a tree say of the files in it
 *
 * ftw, nftw and fts ask the kernel inside libc, where no hook sees it, and find
 * the size of a proxy file. So what they give out is corrected before the
 * program gets it. None of them may run in a handler.
 */
#include <fcntl.h>
#include <ftw.h>
#include <fts.h>

#include "hook.h"
#include "real.h"
#include "stat.h"

/* --- ftw and nftw: the program's function, which they have no argument to pass by ------------ */

typedef int ftw_function(const char *, const struct stat *, int);
typedef int nftw_function(const char *, const struct stat *, int, struct FTW *);

struct walk {
    ftw_function *ftw;
    nftw_function *nftw;
    int flags; /* of nftw */
};
static __thread struct walk current __attribute__((tls_model("initial-exec")));

static struct stat correct(const char *path, const struct stat *st, int flag, int at_flags)
{
    struct stat corrected = *st;

    if (flag == FTW_F)
        ps_stat_correct(AT_FDCWD, path, at_flags, &corrected);
    return corrected;
}

/* A walk inside of the program's function may be left by a jump: this one is set again by its own.
 */
static int visit(const char *path, const struct stat *st, int flag)
{
    struct walk own = current;
    struct stat corrected = correct(path, st, flag, 0);
    int result = own.ftw(path, &corrected, flag);

    current = own;
    return result;
}

static int nvisit(const char *path, const struct stat *st, int flag, struct FTW *where)
{
    struct walk own = current;
    struct stat corrected = correct(own.flags & FTW_CHDIR ? path + where->base : path, st, flag,
                                    own.flags & FTW_PHYS ? AT_SYMLINK_NOFOLLOW : 0);
    int result = own.nftw(path, &corrected, flag, where);

    current = own;
    return result;
}

HOOK(int, ftw, (const char *folder, ftw_function *function, int descriptors))
{
    struct walk outer = current;
    int result;

    current = (struct walk){.ftw = function};
    result = REAL(ftw)(folder, visit, descriptors);
    current = outer;
    return result;
}
ALIAS(int, ftw64, ftw, (const char *, ftw_function *, int));

HOOK(int, nftw, (const char *folder, nftw_function *function, int descriptors, int flags))
{
    struct walk outer = current;
    int result;

    current = (struct walk){.nftw = function, .flags = flags};
    result = REAL(nftw)(folder, nvisit, descriptors, flags);
    current = outer;
    return result;
}
ALIAS(int, nftw64, nftw, (const char *, nftw_function *, int, int));

/* --- fts -------------------------------------------------------------------------------------- */

/* Its path leads there from the folder in which fts leaves the program. */
static void correct_entry(const FTS *walk, FTSENT *entry)
{
    if (entry->fts_info == FTS_F)
        ps_stat_correct(AT_FDCWD, entry->fts_accpath,
                        walk->fts_options & FTS_PHYSICAL ? AT_SYMLINK_NOFOLLOW : 0,
                        entry->fts_statp);
}

HOOK(FTSENT *, fts_read, (FTS * walk))
{
    FTSENT *entry = REAL(fts_read)(walk);

    if (entry != NULL)
        correct_entry(walk, entry);
    return entry;
}
ALIAS(FTSENT *, fts64_read, fts_read, (FTS *));
