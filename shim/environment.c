/* environment.c: see environment.h */
#include "environment.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <ps/backend.h>

#include "base/hold.h"
#include "base/sys.h"
#include "base/text.h"
#include "preload.h"

enum { KEPT = 4096, KEPT_MAX = 32 };

static const char preload_name[] = "LD_PRELOAD=", file_name[] = "libps.so";
static char filtered[] = "PS_FILTERED=1";

/*
 * What is added, as it was when this process began: LD_PRELOAD=, then the
 * variables. Copies, as some programs write over their environment.
 */
static char room[KEPT];
static size_t room_used;
static char *kept[KEPT_MAX];
static size_t kept_count;

const char *ps_environment_value(char *const environment[], const char *name)
{
    for (; environment != NULL && *environment != NULL; environment++)
        if (strncmp(*environment, name, strlen(name)) == 0)
            return *environment + strlen(name);
    return NULL;
}

/* Each program's start comes here: strcspn would bring in two more pages of libc. */
static size_t part_length(const char *list)
{
    size_t length = 0;

    while (list[length] != '\0' && list[length] != ' ' && list[length] != ':')
        length++;
    return length;
}

/* The part of an LD_PRELOAD that is a libps, perhaps another one; NULL: none */
static const char *find_libps(const char *list, size_t *length)
{
    for (const char *end; *list != '\0'; list = *end == '\0' ? end : end + 1) {
        const char *name;

        *length = part_length(list);
        end = list + *length;
        name = memrchr(list, '/', *length);
        name = name != NULL ? name + 1 : list;
        if (strncmp(name, file_name, sizeof(file_name) - 1) == 0)
            return list;
    }
    return NULL;
}

/* false: no room */
static bool keep(const char *name, const char *value, size_t length)
{
    size_t name_length = strlen(name);

    if (kept_count == KEPT_MAX || name_length + length >= KEPT - room_used)
        return false;
    kept[kept_count++] = room + room_used;
    memcpy(room + room_used, name, name_length);
    memcpy(room + room_used + name_length, value, length);
    room_used += name_length + length + 1;
    return true;
}

/* Is it one that libps reads? */
static bool is_ours(const char *variable)
{
    return strncmp(variable, "PS_", 3) == 0 || strncmp(variable, "XDG_CONFIG_HOME=", 16) == 0 ||
           strncmp(variable, "XDG_DATA_HOME=", 14) == 0;
}

/*
 * The file that the programs below a psctl run share: it is not this program's
 * to close, nor to keep from those that it runs.
 */
static void hold_tree_cache(char *const environment[])
{
    static const char name[] = "/memfd:" PS_TREE_CACHE " ";
    const char *path = ps_environment_value(environment, "PS_CACHE=/proc/"), *number;
    char own[64] = "/proc/self/fd/", link[64];

    number = path != NULL ? strrchr(path, '/') : NULL;
    if (number == NULL || strlen(++number) >= 10)
        return;
    strcat(own, number); /* which has no link there unless it is digits only */
    if (sys_readlinkat(AT_FDCWD, own, link, sizeof(link)) >= (ssize_t)sizeof(name) &&
        memcmp(link, name, sizeof(name) - 1) == 0)
        ps_hold_keep(ps_text_to_number(number));
}

void ps_environment_begin(const char *library, char *const environment[])
{
    const char *list = ps_environment_value(environment, preload_name), *part = NULL, *home,
               *disable;
    size_t length;
    bool fits;

    hold_tree_cache(environment);
    if (list != NULL)
        part = find_libps(list, &length);
    disable = ps_environment_value(environment, "PS_DISABLE=");
    if (part == NULL || (disable != NULL && strcmp(disable, "1") == 0))
        return;
    if (part[0] != '/') { /* a name that was searched for, or one in a folder that may change */
        if (library == NULL || library[0] != '/')
            return;
        part = library;
        length = strlen(library);
    }
    fits = keep(preload_name, part, length);
    for (char *const *each = environment; fits && *each != NULL; each++)
        if (strcmp(*each, filtered) == 0)
            atomic_store(&ps_preload_filtered, true);
        else if (is_ours(*each))
            fits = keep(*each, "", 0);
    home = ps_environment_value(environment, "HOME=");
    if (fits && home != NULL && ps_environment_value(environment, "PS_HOME=") == NULL)
        fits = keep("PS_HOME=", home, strlen(home));
    if (!fits)
        kept_count = 0;
}

/* By psctl, which took libps off its list. */
static bool is_supervised(char *const environment[])
{
    const char *supervisor = ps_environment_value(environment, "PS_SUPERVISOR=");

    return supervisor != NULL && strcmp(supervisor, "on") == 0;
}

/* A filter outlives exec: should the program be told of it? */
static bool lacks_filtered(char *const environment[])
{
    return atomic_load(&ps_preload_filtered) &&
           ps_environment_value(environment, "PS_FILTERED=") == NULL;
}

bool ps_environment_lacks(char *const environment[])
{
    size_t length;
    const char *list;

    if (kept_count == 0 || is_supervised(environment))
        return false;
    list = ps_environment_value(environment, preload_name);
    if (list == NULL || list[0] == '\0')
        return list == NULL;
    return find_libps(list, &length) == NULL || lacks_filtered(environment);
}

/* Has it a variable of that name? */
static bool has(char *const environment[], const char *variable)
{
    char name[64];
    size_t length = strcspn(variable, "=") + 1;

    if (length >= sizeof(name))
        return true;
    memcpy(name, variable, length);
    name[length] = '\0';
    return ps_environment_value(environment, name) != NULL;
}

/* A list of one more library, behind the others: an allocator may have to be the first */
static bool join(char *out, const char *theirs, const char *ours)
{
    size_t first = strlen(theirs), second = strlen(ours), name = sizeof(preload_name) - 1;

    if (name + first + 1 + second >= PS_ENVIRONMENT_TEXT)
        return false;
    memcpy(out, preload_name, name);
    memcpy(out + name, theirs, first);
    out[name + first] = ':';
    memcpy(out + name + first + 1, ours, second + 1);
    return true;
}

static bool get_room(struct ps_environment *out, size_t count)
{
    out->list = out->few;
    out->mapped = 0;
    if (count <= PS_ENVIRONMENT_FEW)
        return true;
    out->list = sys_mmap(NULL, count * sizeof(char *), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    out->mapped = count * sizeof(char *);
    return !is_sys_error(out->list);
}

/* Those of ours that it has not, behind the others */
static size_t add_kept(struct ps_environment *out, size_t used, char *const environment[])
{
    for (size_t i = 0; i < kept_count; i++)
        if (!has(environment, kept[i]) &&
            !(strncmp(kept[i], "PS_HOME=", 8) == 0 && has(environment, "HOME=")))
            out->list[used++] = kept[i];
    return used;
}

bool ps_environment_add(struct ps_environment *out, char *const environment[])
{
    const char *theirs = ps_environment_value(environment, preload_name);
    size_t count = 0, used = 0, length;
    bool joins = theirs != NULL && find_libps(theirs, &length) == NULL;

    while (environment != NULL && environment[count] != NULL)
        count++;
    if (joins && !join(out->preload, theirs, kept[0] + sizeof(preload_name) - 1))
        return false;
    if (!get_room(out, count + kept_count + 2))
        return false;
    for (; used < count; used++) {
        bool is_preload = strncmp(environment[used], preload_name, sizeof(preload_name) - 1) == 0;

        out->list[used] = is_preload && joins ? out->preload : environment[used];
    }
    if (theirs == NULL)
        used = add_kept(out, used, environment);
    if (lacks_filtered(environment))
        out->list[used++] = filtered;
    out->list[used] = NULL;
    return true;
}

void ps_environment_drop(struct ps_environment *environment)
{
    if (environment->mapped > 0)
        sys_munmap(environment->list, environment->mapped);
    environment->mapped = 0;
}
