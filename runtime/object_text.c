/* object_text.c: from the path of a proxy file, or a URI, to the image of its object */
#include "object.h"

#include <stdbool.h>
#include <string.h>

#include "proxy_file.h"
#include "work.h"

static bool is_uri(const char *text)
{
    return text[0] != '/' && text[0] != '.' && strstr(text, "://") != NULL;
}

static int open_file(struct ps_image **out, const char *path, struct ps_error *err)
{
    struct ps_proxy_file file;
    struct ps_origin origin = {.folder = file.folder, .name = &file.st};
    struct ps_proxy proxy;
    int result = ps_proxy_read_file(&proxy, &file, path, err);

    return result < 0 ? result : ps_object_open(out, &proxy, &origin, NULL, err);
}

struct opening {
    struct ps_call call;
    const char *text;
    struct ps_image *image;
    struct ps_error error;
};

static int open_on_worker(struct ps_call *call)
{
    struct opening *open = (struct opening *)call;
    struct ps_origin origin = {.folder = NULL};
    struct ps_proxy proxy;
    int result;

    if (!is_uri(open->text))
        return open_file(&open->image, open->text, &open->error);
    result = ps_proxy_parse(&proxy, open->text, strlen(open->text), &open->error);
    return result < 0 ? result : ps_object_open(&open->image, &proxy, &origin, NULL, &open->error);
}

int ps_object_open_text(struct ps_image **out, const char *text, struct ps_error *err)
{
    struct opening open = {.text = text};
    int result = ps_work_call(&open.call, open_on_worker, &open.error);

    *out = open.image;
    if (result < 0)
        *err = open.error; /* not by the worker: it may be lazy memory */
    return result;
}
