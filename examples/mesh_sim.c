/*
 * mesh_sim.c: heat in a slab of a mesh, a few steps of relaxation
 *
 *     mesh_sim MESH FIRST_PLANE PLANES STEPS
 *
 * An ordinary program that knows nothing of libps: it reads the header by
 * stdio, the planes that it needs by pread, and prints a checksum.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mesh.h"

struct slab {
    uint64_t nx, ny, nz;
    double *temperature, *conductivity, *next;
};

static int read_header(FILE *in, struct mesh_header *header)
{
    if (fread(header, sizeof(*header), 1, in) != 1 ||
        memcmp(header->magic, MESH_MAGIC, sizeof(header->magic)) != 0) {
        fputs("mesh_sim: not a mesh\n", stderr);
        return 1;
    }
    return 0;
}

static int read_all(int fd, void *buffer, size_t size, off_t offset)
{
    char *to = buffer;

    while (size > 0) {
        ssize_t got = pread(fd, to, size, offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fprintf(stderr, "mesh_sim: reading: %s\n", got < 0 ? strerror(errno) : "too short");
            return 1;
        }
        to += got;
        offset += got;
        size -= (size_t)got;
    }
    return 0;
}

/* read_slab: planes first.. of the field called name, plane by plane */
static int read_slab(int fd, const struct mesh_header *header, const char *name,
                     const struct slab *slab, uint64_t first, double *to)
{
    size_t plane = slab->nx * slab->ny;

    for (int i = 0; i < MESH_FIELDS; i++) {
        if (strcmp(header->field[i].name, name) != 0)
            continue;
        for (uint64_t z = 0; z < slab->nz; z++) {
            uint64_t offset = header->field[i].offset + (first + z) * plane * sizeof(double);

            if (read_all(fd, to + z * plane, plane * sizeof(double), (off_t)offset) != 0)
                return 1;
        }
        return 0;
    }
    fprintf(stderr, "mesh_sim: no field %s\n", name);
    return 1;
}

/* relax: one step; the outermost points keep their values */
static void relax(struct slab *s)
{
    size_t row = s->nx, plane = s->nx * s->ny;
    const double *t = s->temperature;
    double *swap;

    memcpy(s->next, t, plane * s->nz * sizeof(double));
    for (size_t z = 1; z + 1 < s->nz; z++)
        for (size_t y = 1; y + 1 < s->ny; y++)
            for (size_t i = z * plane + y * row + 1; i < z * plane + (y + 1) * row - 1; i++) {
                double mean =
                    (t[i - 1] + t[i + 1] + t[i - row] + t[i + row] + t[i - plane] + t[i + plane]) /
                    6;

                s->next[i] = t[i] + (mean - t[i]) * 0.1 * s->conductivity[i];
            }
    swap = s->temperature;
    s->temperature = s->next;
    s->next = swap;
}

static int simulate(FILE *in, const struct mesh_header *header, struct slab *slab, char **argv)
{
    uint64_t first = strtoull(argv[2], NULL, 10), steps = strtoull(argv[4], NULL, 10);
    size_t points = slab->nx * slab->ny * slab->nz;
    double sum = 0;

    if (slab->nz == 0 || slab->nz > header->nz || first > header->nz - slab->nz) {
        fprintf(stderr, "mesh_sim: the mesh has %llu planes\n", (unsigned long long)header->nz);
        return 1;
    }
    if (slab->temperature == NULL || slab->conductivity == NULL || slab->next == NULL) {
        fputs("mesh_sim: no memory\n", stderr);
        return 1;
    }
    if (read_slab(fileno(in), header, "temperature", slab, first, slab->temperature) != 0 ||
        read_slab(fileno(in), header, "conductivity", slab, first, slab->conductivity) != 0)
        return 1;
    for (uint64_t i = 0; i < steps; i++)
        relax(slab);
    for (size_t i = 0; i < points; i++)
        sum += slab->temperature[i] * (double)(i % 7 + 1);
    printf("%zu points, %llu steps, checksum %.9e\n", points, (unsigned long long)steps, sum);
    return 0;
}

int main(int argc, char **argv)
{
    struct mesh_header header;
    struct slab slab;
    size_t bytes;
    FILE *in;
    int status;

    if (argc != 5) {
        fputs("usage: mesh_sim MESH FIRST_PLANE PLANES STEPS\n", stderr);
        return 2;
    }
    in = fopen(argv[1], "rb");
    if (in == NULL) {
        perror(argv[1]);
        return 1;
    }
    if (read_header(in, &header) != 0) {
        fclose(in);
        return 1;
    }
    slab.nx = header.nx;
    slab.ny = header.ny;
    slab.nz = strtoull(argv[3], NULL, 10);
    bytes = slab.nx * slab.ny * slab.nz * sizeof(double);
    slab.temperature = malloc(bytes);
    slab.conductivity = malloc(bytes);
    slab.next = malloc(bytes);
    status = simulate(in, &header, &slab, argv);
    free(slab.temperature);
    free(slab.conductivity);
    free(slab.next);
    fclose(in);
    return fflush(stdout) != 0 ? 1 : status;
}
