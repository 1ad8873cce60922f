/* sha256.c: the names of the cache's files: the examples of FIPS 180-4, and every length of a tail
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "../../backends/cache/sha256.h"

static const char *hex_of(const void *bytes, size_t size)
{
    static char text[2 * SHA256_SIZE + 1];
    uint8_t digest[SHA256_SIZE];

    sha256(digest, bytes, size);
    for (size_t i = 0; i < SHA256_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

Test(sha256, examples)
{
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

    cr_assert_str_eq(hex_of("", 0),
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    cr_assert_str_eq(hex_of("abc", 3),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cr_assert_str_eq(hex_of(two, strlen(two)),
                     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Of the digests of the first 0 to 199 letters a: the digest, as coreutils' sha256sum gives it. */
Test(sha256, lengths)
{
    char letters[200], all[200 * 2 * SHA256_SIZE + 1];

    memset(letters, 'a', sizeof(letters));
    for (size_t i = 0; i < sizeof(letters); i++)
        strcpy(all + i * 2 * SHA256_SIZE, hex_of(letters, i));
    cr_assert_str_eq(hex_of(all, strlen(all)),
                     "019f2b9f1af27a53a1f046da7e98af2c179f431e4b5bebb000e74040917a4123");
}
