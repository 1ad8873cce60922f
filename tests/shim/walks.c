/*
 * walks.c: libc's walks of a tree find objects, not proxy files
 *
 * run: fortify
 */
#include "check.h"

#include <ftw.h>
#include <fts.h>
#include <setjmp.h>

static int found, entered;
static jmp_buf out;

static void look(const char *path, const struct stat *st)
{
    if (strstr(path, "victim") == NULL)
        return;
    if (st->st_size != SMALL || st->st_blocks < SMALL / 512)
        FAIL("%s: %ld bytes, %ld blocks", path, (long)st->st_size, (long)st->st_blocks);
    found++;
}

static int plain(const char *path, const struct stat *st, int flag)
{
    if (flag == FTW_F)
        look(path, st);
    return 0;
}

static int leave(const char *path, const struct stat *st, int flag)
{
    (void)path;
    (void)st;
    (void)flag;
    longjmp(out, 1);
}

/* Starts another walk, and leaves it in the middle, before it goes on with its own. */
static int nested(const char *path, const struct stat *st, int flag, struct FTW *where)
{
    if (flag == FTW_F)
        look(path, st);
    CHECK(where->base > 0 && where->level >= 0);
    entered++;
    if (setjmp(out) == 0)
        ftw(tmp("."), leave, 4);
    return 0;
}

static int stop(const char *path, const struct stat *st, int flag, struct FTW *where)
{
    (void)path;
    (void)st;
    (void)flag;
    (void)where;
    return 42;
}

/* Sees the folder only; a walk that takes FTW_SKIP_SUBTREE for an error ends with it. */
static int skip(const char *path, const struct stat *st, int flag, struct FTW *where)
{
    (void)path;
    (void)st;
    CHECK(++entered == 1 && flag == FTW_D && where->level == 0);
    return FTW_SKIP_SUBTREE;
}

static void by_fts(int options)
{
    char *folders[] = {strdup(tmp(".")), NULL};
    FTS *walk = fts_open(folders, options, NULL);
    FTSENT *entry;

    CHECK(walk != NULL);
    while ((entry = fts_read(walk)) != NULL)
        if (entry->fts_info == FTS_F)
            look(entry->fts_path, entry->fts_statp);
    CHECK(fts_close(walk) == 0);
    free(folders[0]);
}

static void count(int wanted, const char *what)
{
    if (found != wanted)
        FAIL("%s: %d files, not %d", what, found, wanted);
    found = 0;
}

int main(void)
{
    static const int flags[] = {0, FTW_PHYS, FTW_CHDIR, FTW_CHDIR | FTW_PHYS | FTW_DEPTH};

    CHECK(mkdir(tmp("folder"), 0700) == 0);
    CHECK(link(tmp("victim"), tmp("folder/victim")) == 0);
    CHECK(ftw(tmp("."), plain, 4) == 0);
    count(2, "ftw");
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        entered = 0;
        CHECK(nftw(tmp("."), nested, 4, flags[i]) == 0);
        count(2, "nftw");
        CHECK(entered == 4);
    }
    CHECK(nftw(tmp("."), stop, 4, 0) == 42);
    entered = 0;
    CHECK(nftw(tmp("."), skip, 4, FTW_ACTIONRETVAL) == 0 && entered == 1);
    by_fts(FTS_PHYSICAL);
    by_fts(FTS_LOGICAL | FTS_NOCHDIR);
    count(4, "fts");
    return 0;
}
