/*
 * s3_settings.c: the environment, and the files that other tools of S3 use; see s3.h
 */
#include "s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blanks at both ends go. */
static char *trim(char *text)
{
    size_t size = strlen(text);

    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
        text[--size] = '\0';
    return text + strspn(text, " \t");
}

/* "[name]", or "[profile name]" */
static bool begins_section(char *line, const char *name)
{
    char *end = strchr(line, ']'), *at = line + 1;

    if (end == NULL)
        return false;
    *end = '\0';
    at = trim(at);
    if (strncmp(at, "profile", 7) == 0 && (at[7] == ' ' || at[7] == '\t'))
        at += 7 + strspn(at + 7, " \t");
    return strcmp(at, name) == 0;
}

/* The value of name in the profile's section of the file; false: not there. */
static bool find(char *value, size_t size, FILE *file, const char *profile, const char *name)
{
    char line[S3_SECRET_MAX + 64];
    bool is_in = false;

    while (fgets(line, sizeof(line), file) != NULL) {
        bool is_outer = line[0] != ' ' && line[0] != '\t'; /* others belong to a setting above */
        char *at = trim(line), *equals = strchr(at, '=');

        if (at[0] == '[') {
            is_in = begins_section(at, profile);
        } else if (is_in && is_outer && at[0] != '#' && at[0] != ';' && equals != NULL) {
            *equals = '\0';
            if (strcmp(trim(at), name) == 0)
                return snprintf(value, size, "%s", trim(equals + 1)) < (int)size;
        }
    }
    return false;
}

static bool find_in(char *value, size_t size, const char *variable, const char *usual,
                    const char *profile, const char *name)
{
    const char *path = getenv(variable), *home = getenv("HOME");
    char at_home[4096];
    FILE *file;
    bool found;

    if (path == NULL || path[0] == '\0') {
        if (home == NULL ||
            snprintf(at_home, sizeof(at_home), "%s/%s", home, usual) >= (int)sizeof(at_home))
            return false;
        path = at_home;
    }
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    found = find(value, size, file, profile, name);
    fclose(file);
    return found;
}

bool s3_profile(char *value, size_t size, const char *name)
{
    const char *profile = getenv("AWS_PROFILE");

    if (profile == NULL || profile[0] == '\0')
        profile = "default";
    if (!find_in(value, size, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", profile, name) &&
        !find_in(value, size, "AWS_CONFIG_FILE", ".aws/config", profile, name))
        value[0] = '\0';
    return value[0] != '\0';
}

bool s3_variable(char *value, size_t size, const char *name)
{
    const char *text = getenv(name);

    if (snprintf(value, size, "%s", text != NULL ? text : "") >= (int)size)
        value[0] = '\0';
    return value[0] != '\0';
}

bool s3_is_url(const char *text)
{
    return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

void s3_setting(char *value, size_t size, const char *variable, const char *other, const char *name)
{
    if (!s3_variable(value, size, variable) && !s3_variable(value, size, other))
        s3_profile(value, size, name);
}
