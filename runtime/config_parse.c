/* config_parse.c: the text of the configuration file, and the values that it shares with PS_* */
#include <stdlib.h>
#include <string.h>

#include "config_load.h"
#include "file_url.h"
#include "proxy_parse.h"

int ps_config_prefix(char **out, const char *value, struct ps_error *err)
{
    char url[PS_URI_MAX];

    if (value[0] == '/') {
        if (ps_file_url(url, sizeof(url), value, err) < 0)
            return PS_E_INVALID;
        value = url;
    } else if (ps_proxy_scheme_size((struct ps_span){value, strlen(value)}) == 0) {
        return ps_error_set(err, PS_E_INVALID, 0, "\"%.100s\" is no \"scheme://...\" URL", value);
    } else if (strlen(value) >= PS_URI_MAX) {
        return ps_error_set(err, PS_E_INVALID, 0, "URL is too long: \"%.100s...\"", value);
    }
    *out = strdup(value);
    return *out ? 0 : ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
}

static bool is_store_name(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t size = strlen(name);

    return size > 0 && size < PS_STORE_NAME_MAX && strspn(name, allowed) == size;
}

const struct ps_config_store *ps_config_find_store(const struct ps_config *config, const char *name)
{
    for (size_t i = 0; i < config->store_count; i++)
        if (name[0] != '\0' && strcmp(config->stores[i].name, name) == 0)
            return &config->stores[i];
    return NULL;
}

int ps_config_set_default(struct ps_config *config, const char *value, struct ps_error *err)
{
    char *copy;
    int status = 0;

    if (is_store_name(value)) {
        if (ps_config_find_store(config, value) == NULL)
            return ps_error_set(err, PS_E_NOT_FOUND, 0, "no store is called \"%.60s\"", value);
        copy = strdup(value);
        if (copy == NULL)
            return ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
    } else {
        status = ps_config_url(&copy, value, err);
    }
    if (status == 0) {
        free(config->default_store);
        config->default_store = copy;
    }
    return status;
}

int ps_config_add_allow(struct ps_config *config, const char *value, struct ps_error *err)
{
    char **grown = realloc(config->allow, (config->allow_count + 1) * sizeof(*grown));
    int status;

    if (grown == NULL)
        return ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
    config->allow = grown;
    status = ps_config_prefix(&grown[config->allow_count], value, err);
    config->allow_count += status == 0;
    return status;
}

static int add_store(struct ps_config *config, const char *name, const char *value,
                     struct ps_error *err)
{
    struct ps_config_store *grown, *store;
    int status;

    grown = realloc(config->stores, (config->store_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
    config->stores = grown;
    store = &grown[config->store_count];
    status = ps_config_url(&store->url, value, err);
    if (status != 0)
        return status;
    store->name = strdup(name);
    if (store->name == NULL) {
        free(store->url);
        return ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
    }
    config->store_count++;
    return 0;
}

int ps_config_add_store(struct ps_config *config, const char *name, const char *value,
                        struct ps_error *err)
{
    if (!is_store_name(name))
        return ps_error_set(err, PS_E_INVALID, 0,
                            "store name \"%.60s\": letters, digits, '_' and '-' make one", name);
    if (ps_config_find_store(config, name) != NULL)
        return ps_error_set(err, PS_E_INVALID, 0, "store.%s is given twice", name);
    return add_store(config, name, value, err);
}

int ps_config_add_nameless(struct ps_config *config, const char *value, struct ps_error *err)
{
    return is_store_name(value) ? 0 : add_store(config, "", value, err);
}

/* What was found so far; "default" waits for its store, which may come later in the file. */
struct parse {
    struct ps_config *config;
    char *default_value;
    unsigned default_line;
};

static int take(struct parse *parse, const char *key, char *value, unsigned line,
                struct ps_error *err)
{
    if (value[0] == '\0')
        return ps_error_set(err, PS_E_INVALID, 0, "%.60s has no value", key);
    if (strncmp(key, "store.", 6) == 0)
        return ps_config_add_store(parse->config, key + 6, value, err);
    if (strcmp(key, "allow") == 0)
        return ps_config_add_allow(parse->config, value, err);
    if (strcmp(key, "default") != 0)
        return ps_error_set(err, PS_E_INVALID, 0, "unknown key \"%.60s\"", key);
    if (parse->default_value != NULL)
        return ps_error_set(err, PS_E_INVALID, 0, "default is given twice");
    parse->default_value = value;
    parse->default_line = line;
    return 0;
}

/* Cuts blanks off both ends of text[0..size), and closes it with NUL. */
static char *trim(char *text, size_t size)
{
    while (size > 0 && strchr(" \t\r", text[size - 1]) != NULL && text[size - 1] != '\0')
        size--;
    text[size] = '\0';
    return text + strspn(text, " \t");
}

static int parse_line(struct parse *parse, char *text, size_t size, unsigned line,
                      struct ps_error *err)
{
    char *key, *equals;

    if (memchr(text, '\0', size) != NULL)
        return ps_error_set(err, PS_E_INVALID, 0, "a control character");
    key = trim(text, size);
    if (key[0] == '\0' || key[0] == '#')
        return 0;
    for (const char *c = key; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 127)
            return ps_error_set(err, PS_E_INVALID, 0, "a control character");
    equals = strchr(key, '=');
    if (equals == NULL)
        return ps_error_set(err, PS_E_INVALID, 0, "\"%.60s\" is not \"key = value\"", key);
    /* it would be a folder of that name; who means one writes %20%23 */
    if (strstr(equals, " #") != NULL || strstr(equals, "\t#") != NULL)
        return ps_error_set(err, PS_E_INVALID, 0, "a comment needs a line of its own");
    return take(parse, trim(key, (size_t)(equals - key)), equals + 1 + strspn(equals + 1, " \t"),
                line, err);
}

static int fail_line(const struct ps_config *config, unsigned line, const struct ps_error *cause,
                     struct ps_error *err)
{
    return ps_error_set(err, cause->code, 0, "%.120s:%u: %s", config->file, line, cause->message);
}

int ps_config_parse(struct ps_config *config, const char *text, size_t size, struct ps_error *err)
{
    struct parse parse = {.config = config};
    struct ps_error cause = {0};
    char *copy = malloc(size + 1); /* lines are cut up in it; one more for the last one's NUL */
    char *at = copy, *end = copy + size;
    unsigned line = 0;
    int status = 0;

    if (copy == NULL)
        return ps_error_set(err, PS_E_NOMEM, 0, "no memory for the configuration");
    memcpy(copy, text, size);
    while (status == 0 && at < end) {
        char *newline = memchr(at, '\n', (size_t)(end - at));

        if (newline == NULL)
            newline = end;
        status = parse_line(&parse, at, (size_t)(newline - at), ++line, &cause);
        at = newline + 1;
    }
    if (status == 0 && parse.default_value != NULL) {
        line = parse.default_line;
        status = ps_config_set_default(config, parse.default_value, &cause);
        if (status == 0)
            status = ps_config_add_nameless(config, parse.default_value, &cause);
    }
    free(copy);
    return status ? fail_line(config, line, &cause, err) : 0;
}
