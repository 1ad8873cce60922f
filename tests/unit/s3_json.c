/* s3_json.c: texts in JSON, from whoever wrote it */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "../../backends/s3/s3_json.h"

static void expect(const char *json, const char *wanted)
{
    char out[16];
    bool is_there = s3_json_text(out, sizeof(out), json, "Name");

    cr_assert_eq(is_there, wanted != NULL, "%s", json);
    cr_assert_str_eq(out, wanted != NULL ? wanted : "", "%s", json);
}

Test(s3_json, a_text_of_the_object_is_found)
{
    expect("{\"Name\":\"a\"}", "a");
    expect(" \n{ \"x\" : 1.5e-3 , \"Name\"\t: \"\" }", "");
    expect("{\"x\":{\"Name\":\"no\"},\"y\":[{\"Name\":\"no\"},[]],\"z\":null,\"Name\":\"yes\"}",
           "yes");
    expect("{\"x\":\"\\\"Name\\\":\\\"no\\\",}]\",\"Name\":\"yes\"}", "yes");
    expect("{\"\\u004eame\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u003d\"}", "\"\\/\b\f\n\r\t=");
    expect("{\"x\":\"\\u00e9\\ud83d\\ude00\xc3\xa9\",\"Name\":\"123456789012345\"}",
           "123456789012345");
}

Test(s3_json, what_is_none_is_not_found)
{
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "[]",
        "\"Name\":\"a\"",
        "[{\"Name\":\"a\"}]",
        "<html>\"Name\":\"a\"",
        "{\"Name\"}",
        "{\"Name\":}",
        "{\"Name\":1}",
        "{\"Name\":null}",
        "{\"Name\":{\"Name\":\"a\"}}",
        "{\"Name\":\"a",
        "{\"Name\":\"a\\",
        "{\"Name\":\"a\\u12",
        "{\"Name\":\"a\\q\"}",
        "{\"Name\":\"a\nb\"}",
        "{\"Name\":\"1234567890123456\"}",
        "{\"Nam\":\"a\"}",
        "{\"Namee\":\"a\"}",
        "{\"name\":\"a\"}",
        "{\"x\":]}",
        "{\"x\":{\"Name\":\"a\"}",
        "{\"x\":1 \"Name\":\"a\"}",
        "{\"x\":\"\\\"}",
        "{,\"Name\":\"a\"}",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect(bad[i], NULL);
}

/* Each text that is cut off anywhere ends where it ends: sanitizers look. */
Test(s3_json, any_part_of_it_is_read_to_its_end_only)
{
    static const char whole[] = "{\"x\":[{\"a\":\"\\u00e9\\\"\"},1.5,null],\"y\":{\"Name\":\"b\"},"
                                "\"Name\":\"c\\u0041\\n\"}";

    for (size_t size = 0; size < sizeof(whole) - 1; size++) {
        char *part = strndup(whole, size), out[16];

        cr_assert(size == sizeof(whole) - 2 || !s3_json_text(out, sizeof(out), part, "Name"), "%s",
                  part);
        free(part);
    }
}
