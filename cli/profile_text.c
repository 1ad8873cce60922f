/* profile_text.c: waits of the same stack for the same object, merged, for people and flame graphs
 */
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "psctl.h"

enum { ROWS = 10, WHERE = 3 /* functions of a row */ };

/* All waits of a stack for an object */
struct merged {
    unsigned stack, object;
    uint64_t ns, waits, bytes, first, end;
};

const char *profile_object_name(const char *uri, char *name, size_t size)
{
    size_t length = strcspn(uri, "?"), begin = length;

    while (begin > 0 && uri[begin - 1] != '/')
        begin--;
    snprintf(name, size, "%.*s", (int)(length - begin), uri + begin);
    for (char *c = name; *c != '\0'; c++)
        if (*c == ';' || (unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    return name;
}

static int by_stack(const void *one, const void *other)
{
    const struct merged *a = one, *b = other;

    if (a->stack != b->stack)
        return a->stack < b->stack ? -1 : 1;
    return a->object < b->object ? -1 : a->object > b->object;
}

static int by_time(const void *one, const void *other)
{
    const struct merged *a = one, *b = other;

    return a->ns > b->ns ? -1 : a->ns < b->ns ? 1 : by_stack(one, other);
}

/* The caller's to free. What is most waited for comes first. */
static struct merged *merge(const struct profile *profile, size_t *count)
{
    struct merged *list = calloc(profile->waits + 1, sizeof(*list)), *to = list;
    size_t all = 0;

    if (list == NULL)
        exit(fail("no memory"));
    for (size_t i = 0; i < profile->waits; i++) {
        const struct profile_wait *wait = &profile->wait[i];
        if (wait->kind != PS_WAITS_ARRIVAL && !wait->is_asleep)
            list[all++] = (struct merged){.stack = wait->stack,
                                          .object = wait->object,
                                          .ns = wait->ns + wait->left_out_ns,
                                          .waits = 1 + wait->left_out,
                                          .bytes = wait->bytes,
                                          .first = wait->offset,
                                          .end = wait->offset + wait->bytes};
    }
    qsort(list, all, sizeof(*list), by_stack);
    for (size_t i = 1; i < all; i++) {
        if (by_stack(to, &list[i]) != 0) {
            *++to = list[i];
            continue;
        }
        to->ns += list[i].ns;
        to->waits += list[i].waits;
        to->bytes += list[i].bytes;
        to->first = to->first < list[i].first ? to->first : list[i].first;
        to->end = to->end > list[i].end ? to->end : list[i].end;
    }
    *count = all > 0 ? (size_t)(to - list) + 1 : 0;
    qsort(list, *count, sizeof(*list), by_time);
    return list;
}

void profile_folded(const struct profile *profile, FILE *to)
{
    size_t count;
    struct merged *list = merge(profile, &count);

    for (size_t i = 0; i < count; i++) {
        char name[128];
        fprintf(to, "%s;%s %llu\n", profile->stack[list[i].stack],
                profile_object_name(profile->object[list[i].object].uri, name, sizeof(name)),
                (unsigned long long)(list[i].ns / 1000));
    }
    free(list);
}

/* The innermost functions, from the end of the text on */
static void print_where(const char *stack)
{
    const char *end = stack + strlen(stack), *begin;

    for (int i = 0; i < WHERE && end > stack; i++) {
        for (begin = end; begin > stack && begin[-1] != ';'; begin--)
            ;
        fprintf(stderr, "%s%.*s", i > 0 ? " from " : "", (int)(end - begin), begin);
        end = begin > stack ? begin - 1 : begin;
    }
}

void profile_table(const struct profile *profile)
{
    size_t count;
    struct merged *list = merge(profile, &count);

    if (count == 0)
        fputs("psctl: the program waited for no data\n", stderr);
    else
        fprintf(stderr, "%10s %8s %10s  %-23s %-20s %s\n", "waited", "waits", "bytes", "offsets",
                "object", "where");
    for (size_t i = 0; i < count && i < ROWS; i++) {
        char time[32], bytes[32], offsets[64], name[128];
        snprintf(offsets, sizeof(offsets), "%llu-%llu", (unsigned long long)list[i].first,
                 (unsigned long long)list[i].end);
        fprintf(stderr, "%10s %8llu %10s  %-23s %-20.40s ",
                human_time(list[i].ns, time, sizeof(time)), (unsigned long long)list[i].waits,
                human_size(list[i].bytes, bytes, sizeof(bytes)), offsets,
                profile_object_name(profile->object[list[i].object].uri, name, sizeof(name)));
        print_where(profile->stack[list[i].stack]);
        fputc('\n', stderr);
    }
    if (count > ROWS)
        fprintf(stderr, "and %zu other places\n", count - ROWS);
    free(list);
}
