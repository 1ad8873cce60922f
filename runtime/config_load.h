/* config_load.h: the parts of reading the configuration; only for config*.c */
#ifndef PS_CONFIG_LOAD_H
#define PS_CONFIG_LOAD_H

#include <stdint.h>

#include "config.h"

enum { PS_CONFIG_FILE_MAX = 1 << 20 };

/* ps_config_variable: an environment variable; NULL when unset, empty, or AT_SECURE */
const char *ps_config_variable(const char *name);

/* ps_config_find_file: fill config->file and the default store's URL from the environment */
int ps_config_find_file(struct ps_config *config, struct ps_error *err);

/* ps_config_read_file: read config->file, when it exists */
int ps_config_read_file(struct ps_config *config, struct ps_error *err);

/* ps_config_parse: the text of the configuration file */
int ps_config_parse(struct ps_config *config, const char *text, size_t size, struct ps_error *err);

/* ps_config_read_variables: what the environment says, which wins over the file */
int ps_config_read_variables(struct ps_config *config, struct ps_error *err);

/* ps_config_prefix: *out = the URL that value stands for, allocated; PS_E_INVALID, PS_E_NOMEM */
int ps_config_prefix(char **out, const char *value, struct ps_error *err);

/* ps_config_url: the same of a store; its folder is free of symbolic links */
int ps_config_url(char **out, const char *value, struct ps_error *err);

/* ps_config_set_default: value is a URL, or the name of a store that is known already */
int ps_config_set_default(struct ps_config *config, const char *value, struct ps_error *err);

int ps_config_add_allow(struct ps_config *config, const char *value, struct ps_error *err);
int ps_config_add_store(struct ps_config *config, const char *name, const char *value,
                        struct ps_error *err);

/*
 * ps_config_add_nameless: a store that was the default once may hold objects
 *
 * It is among the stores, so proxies may name what is in it, whatever the
 * default is by now; but its name "" is none. A value that is the name of a
 * store adds nothing.
 */
int ps_config_add_nameless(struct ps_config *config, const char *value, struct ps_error *err);

/* ps_config_find_store: the store of that name, or NULL */
const struct ps_config_store *ps_config_find_store(const struct ps_config *config,
                                                   const char *name);

#endif
