/* s3_json.h: what is needed of JSON */
#ifndef S3_JSON_H
#define S3_JSON_H

#include <stdbool.h>
#include <stddef.h>

/*
 * s3_json_text: the text that the object has under name
 *
 * Of the object itself, not of one in it. "" and false: it is not there, is no
 * text, or does not fit; or what is before it is no JSON.
 */
bool s3_json_text(char *out, size_t size, const char *json, const char *name);

#endif
