/*
 * profile_svg.c: first touches over time and offset, a panel for each object
 *
 * Marks that would lie on the same spot of a panel are drawn once.
 */
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "psctl.h"

enum { LEFT = 110, WIDTH = 1000, HEIGHT = 260, TOP = 34, GAP = 60 };

static const struct look {
    const char *colour, *what;
} looks[] = {
    [PS_WAITS_ARRIVAL] = {"#c9d3df", "fetched"},
    [PS_WAITS_TOUCH] = {"#c2410c", "a touch of memory waited"},
    [PS_WAITS_CALL] = {"#1d4ed8", "a call, or a touch in segv, waited"},
};

static void print_escaped(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '&')
            fputs("&amp;", to);
        else if (*text == '<')
            fputs("&lt;", to);
        else if ((unsigned char)*text < ' ' || (unsigned char)*text >= 127)
            fputc('?', to); /* a broken sequence of bytes would make it no XML */
        else
            fputc(*text, to);
    }
}

/* Where on an axis of that many pixels something is that lies so far on one of all */
static double scaled(uint64_t at, uint64_t all, int pixels)
{
    return all > 0 ? (double)at / (double)all * pixels : 0;
}

struct panel {
    const struct profile *profile;
    unsigned object;
    int top;
    unsigned char drawn[HEIGHT][WIDTH / 8 + 1]; /* spots */
};

static int is_drawn(struct panel *panel, double x, double y)
{
    int column = x < WIDTH ? (int)x : WIDTH - 1, row = y < HEIGHT ? (int)y : HEIGHT - 1;
    unsigned char bit = (unsigned char)(1 << column % 8), *spot = &panel->drawn[row][column / 8];
    int was = (*spot & bit) != 0;

    *spot |= bit;
    return was;
}

static void print_mark(struct panel *panel, const struct profile_wait *wait, FILE *to)
{
    const struct profile *profile = panel->profile;
    uint64_t all = profile->end_ns - profile->begin_ns;
    uint64_t size = profile->object[panel->object].size;
    double x = scaled(wait->when_ns - profile->begin_ns, all, WIDTH);
    double y = scaled(wait->offset, size, HEIGHT);
    double width = scaled(wait->ns, all, WIDTH), height = scaled(wait->bytes, size, HEIGHT);
    char time[32];

    if (is_drawn(panel, x, y))
        return;
    fprintf(to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>", LEFT + x,
            panel->top + y, width > 1 ? width : 1, height > 1.5 ? height : 1.5);
    fprintf(to, "%llu bytes at %llu, %s", (unsigned long long)wait->bytes,
            (unsigned long long)wait->offset, human_time(wait->ns, time, sizeof(time)));
    if (wait->kind != PS_WAITS_ARRIVAL) {
        fputs("&#10;", to);
        print_escaped(to, profile->stack[wait->stack]);
    }
    fputs("</title></rect>\n", to);
}

static void print_marks(struct panel *panel, enum ps_waits_kind kind, FILE *to)
{
    const struct profile *profile = panel->profile;

    memset(panel->drawn, 0, sizeof(panel->drawn));
    fprintf(to, "<g fill=\"%s\">\n", looks[kind].colour);
    for (size_t i = 0; i < profile->waits; i++)
        if (profile->wait[i].object == panel->object && profile->wait[i].kind == kind &&
            !profile->wait[i].is_asleep)
            print_mark(panel, &profile->wait[i], to);
    fputs("</g>\n", to);
}

static void print_panel(struct panel *panel, FILE *to)
{
    const struct profile *profile = panel->profile;
    const struct profile_object *object = &profile->object[panel->object];
    char text[32];

    fprintf(to, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">", LEFT, panel->top - 8);
    print_escaped(to, object->uri);
    fprintf(to,
            "</text>\n<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
            "stroke=\"#888\"/>\n",
            LEFT, panel->top, WIDTH, HEIGHT);
    fprintf(to, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">0</text>\n", LEFT - 6,
            panel->top + 12);
    fprintf(to, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", LEFT - 6,
            panel->top + HEIGHT, human_size(object->size, text, sizeof(text)));
    fprintf(to, "<text x=\"%d\" y=\"%d\">0 s</text>\n", LEFT, panel->top + HEIGHT + 16);
    fprintf(to, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", LEFT + WIDTH,
            panel->top + HEIGHT + 16,
            human_time(profile->end_ns - profile->begin_ns, text, sizeof(text)));
    print_marks(panel, PS_WAITS_ARRIVAL, to);
    print_marks(panel, PS_WAITS_CALL, to);
    print_marks(panel, PS_WAITS_TOUCH, to);
}

static void print_legend(FILE *to)
{
    static const unsigned char order[] = {PS_WAITS_ARRIVAL, PS_WAITS_CALL, PS_WAITS_TOUCH};
    int x = LEFT;

    for (size_t i = 0; i < sizeof(order); i++) {
        fprintf(to,
                "<rect x=\"%d\" y=\"8\" width=\"12\" height=\"12\" fill=\"%s\"/>"
                "<text x=\"%d\" y=\"18\">%s</text>\n",
                x, looks[order[i]].colour, x + 18, looks[order[i]].what);
        x += 260;
    }
}

void profile_svg(const struct profile *profile, FILE *to)
{
    unsigned count = profile->uris.count;
    struct panel *panel = calloc(1, sizeof(*panel));

    if (panel == NULL)
        exit(fail("no memory"));
    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            LEFT + WIDTH + 30, TOP + count * (HEIGHT + GAP) + 30);
    print_legend(to);
    panel->profile = profile;
    for (panel->object = 0; panel->object < count; panel->object++) {
        panel->top = TOP + 30 + (int)panel->object * (HEIGHT + GAP);
        print_panel(panel, to);
    }
    fputs("</svg>\n", to);
    free(panel);
}
