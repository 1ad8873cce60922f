/* profile.h: what the parts of psctl run --profile share */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdio.h>

#include "../unwind/waits.h"

enum { FRAMES_MAX = 128 };

struct profile_wait {
    unsigned stack, object; /* indices */
    uint64_t when_ns, ns, offset, bytes;
    uint64_t left_out, left_out_ns; /* waits that it stands for */
    unsigned char kind;             /* an enum ps_waits_kind */
    unsigned char is_asleep;        /* a touch whose end is not known: it counts nowhere */
};

struct profile_object {
    char *uri;
    uint64_t size;
};

/* A growing list of texts, in which each is once */
struct profile_texts {
    void *tree; /* of tsearch */
    unsigned count;
};

struct profile {
    const struct ps_unwind *unwind;
    struct profile_texts stacks, uris;
    char **stack; /* by index: functions, outermost first, ';' between them */
    struct profile_object *object;
    struct profile_wait *wait;
    size_t waits, room;
    uint64_t begin_ns, end_ns;
};

/* profile_index: of a text, which is copied when it is new. *is_new may be NULL. */
unsigned profile_index(struct profile_texts *texts, const char *text, int *is_new);

/* profile_read: a file that a process has written; name is for messages. 0, or a status. */
int profile_read(struct profile *profile, int fd, const char *name);

/* profile_stack: the functions of a stack as a text, outermost first; space as open gave it */
char *profile_stack(const struct profile *profile, void *space, void **known,
                    const struct ps_waits *record, const char *data, size_t size);

/* profile_object_name: the last part of a URI, without what is not for people; returns name */
const char *profile_object_name(const char *uri, char *name, size_t size);

/* profile_folded, profile_svg: the whole of a file; profile_table: on stderr */
void profile_folded(const struct profile *profile, FILE *to);
void profile_svg(const struct profile *profile, FILE *to);
void profile_table(const struct profile *profile);

#endif
