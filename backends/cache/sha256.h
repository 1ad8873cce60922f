/*
 * sha256.h: the SHA-256 of a short text (FIPS 180-4)
 *
 * For names of files. A library that has it takes longer to be loaded, by each
 * process, than most programs need for what they read.
 */
#ifndef PS_SHA256_H
#define PS_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32 };

void sha256(uint8_t digest[SHA256_SIZE], const void *bytes, size_t size);

#endif
