/*
 * s3_sum.c: sums of bytes, so that what was damaged on its way is noticed
 *
 * What is put has its SHA-256 in its signature, which every server checks before
 * it keeps anything, and also beside it (x-amz-checksum-sha256), where the server
 * keeps that, too. A CRC would be made
 * sooner, but servers that do not know its header ignore or refuse it; and a trailer, for
 * which nothing is read twice, they would keep as if it were the object's. What is
 * got may have come there in any way: it is checked by whichever sum its server has.
 */
#include "s3.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

enum { STEP = 256 << 10, SHA256 = 0 /* of kinds */ };

/* --- sums ------------------------------------------------------------------------------- */

/*
 * A CRC whose bits are reflected, of up to 64 of them, eight bytes at a time: tables[n] has the
 * remainder of each byte with n others behind it.
 */
struct crc {
    uint64_t tables[8][256], rest;
};

static void crc_begin(struct crc *crc, uint64_t polynomial, uint64_t ones)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t value = i;

        for (int bit = 0; bit < 8; bit++)
            value = (value >> 1) ^ (value & 1 ? polynomial : 0);
        crc->tables[0][i] = value;
    }
    for (unsigned n = 1; n < 8; n++)
        for (unsigned i = 0; i < 256; i++)
            crc->tables[n][i] =
                (crc->tables[n - 1][i] >> 8) ^ crc->tables[0][crc->tables[n - 1][i] & 255];
    crc->rest = ones;
}

static void crc_add(struct crc *crc, const unsigned char *bytes, size_t size)
{
    uint64_t rest = crc->rest;

    for (; size >= 8; bytes += 8, size -= 8) {
        uint64_t next = 0;

        for (int i = 0; i < 8; i++)
            next ^= crc->tables[7 - i][(rest >> 8 * i ^ bytes[i]) & 255];
        rest = next;
    }
    for (; size > 0; bytes++, size--)
        rest = (rest >> 8) ^ crc->tables[0][(rest ^ *bytes) & 255];
    crc->rest = rest;
}

/* Names as in the headers; the polynomials are reflected. */
static const struct kind {
    const char *name;
    int size; /* of the sum, in bytes */
    uint64_t polynomial;
    const EVP_MD *(*digest)(void); /* where it is no CRC */
} kinds[] = {
    [SHA256] = {"sha256", 32, 0, EVP_sha256},
    {"sha1", 20, 0, EVP_sha1},
    {"crc64nvme", 8, UINT64_C(0x9a6c9329ac4bc9b5), NULL},
    {"crc32c", 4, 0x82f63b78, NULL},
    {"crc32", 4, 0xedb88320, NULL},
};

static uint64_t ones_of(const struct kind *kind)
{
    return kind->size == 8 ? UINT64_MAX : UINT32_MAX;
}

/* By context, if there is one; else it is a CRC. */
struct hash {
    EVP_MD_CTX *context;
    struct crc crc;
};

static bool hash_add(struct hash *hash, const unsigned char *bytes, size_t size)
{
    if (hash->context != NULL)
        return EVP_DigestUpdate(hash->context, bytes, size) == 1;
    crc_add(&hash->crc, bytes, size);
    return true;
}

static bool hash_end(const struct hash *hash, const struct kind *kind, unsigned char sum[S3_HASH])
{
    uint64_t value;

    if (hash->context != NULL)
        return EVP_DigestFinal_ex(hash->context, sum, NULL) == 1;
    value = hash->crc.rest ^ ones_of(kind);
    for (int i = kind->size - 1; i >= 0; i--, value >>= 8)
        sum[i] = (unsigned char)value;
    return true;
}

static int make_sum(unsigned char sum[S3_HASH], const struct kind *kind, struct hash *hash,
                    const struct ps_content *content, unsigned char *step, struct ps_error *err)
{
    bool is_good = true;

    for (uint64_t done = 0; done < content->size && is_good;) {
        size_t size = content->size - done < STEP ? (size_t)(content->size - done) : STEP;
        int result = content->read(content, step, size, done, err);

        if (result < 0)
            return result;
        is_good = hash_add(hash, step, size);
        done += size;
    }
    if (!is_good || !hash_end(hash, kind, sum))
        return ps_error_set(err, PS_E_NOMEM, 0, "can't make a sum");
    return 0;
}

static int sum_of(unsigned char sum[S3_HASH], const struct kind *kind,
                  const struct ps_content *content, struct ps_error *err)
{
    struct hash hash = {.context = NULL};
    unsigned char *step = malloc(STEP);
    bool is_good = step != NULL;
    int result;

    if (kind->digest != NULL) {
        hash.context = EVP_MD_CTX_new();
        is_good &=
            hash.context != NULL && EVP_DigestInit_ex(hash.context, kind->digest(), NULL) == 1;
    } else {
        crc_begin(&hash.crc, kind->polynomial, ones_of(kind));
    }
    result = is_good ? make_sum(sum, kind, &hash, content, step, err)
                     : ps_error_set(err, PS_E_NOMEM, ENOMEM, "no memory for a sum");
    EVP_MD_CTX_free(hash.context);
    free(step);
    return result;
}

/* --- of what is put ---------------------------------------------------------------------- */

/* Of what is to be sent later. */
struct body_content {
    struct ps_content content;
    struct http_body *body;
};

static int read_body(const struct ps_content *content, void *buffer, size_t size, uint64_t offset,
                     struct ps_error *err)
{
    struct http_body *body = ((const struct body_content *)content)->body;

    if (body->content->look(body->content, buffer, size, body->offset + offset, &body->error) < 0)
        return http_body_failed(body, err);
    return 0;
}

int s3_hash_body(unsigned char hash[S3_HASH], struct http_body *body, struct ps_error *err)
{
    const struct body_content whole = {{body->size, read_body, NULL}, body};

    if (body->content != NULL)
        return sum_of(hash, &kinds[SHA256], &whole.content, err);
    if (EVP_Digest(body->text, body->size, hash, NULL, EVP_sha256(), NULL) != 1)
        return ps_error_set(err, PS_E_NOMEM, ENOMEM, "can't make a sum");
    return 0;
}

/* --- of what was got --------------------------------------------------------------------- */

int s3_check(const struct http_sum *told, const char *key, const struct ps_content *content,
             struct ps_error *err)
{
    const struct kind *kind = kinds, *end = kinds + sizeof(kinds) / sizeof(kinds[0]);
    unsigned char sum[S3_HASH];
    char text[S3_HASH_TEXT];
    int result;

    while (kind < end && strcasecmp(kind->name, told->kind) != 0)
        kind++;
    if (kind == end)
        return 0; /* one of later times: as if there were none */
    result = sum_of(sum, kind, content, err);
    if (result < 0)
        return result;
    EVP_EncodeBlock((unsigned char *)text, sum, kind->size);
    if (strcmp(text, told->text) == 0)
        return 0;
    return ps_error_set(err, PS_E_CORRUPT, 0,
                        "'%.80s': other bytes came than the server has: their %s is %s, not %s",
                        key, kind->name, text, told->text);
}
