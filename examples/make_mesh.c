/*
 * make_mesh.c: write a mesh of three fields, each nx * ny * nz doubles
 *
 *     make_mesh FILE NX NY NZ
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh.h"

/* Fields begin at multiples of this, as in the files of most mesh libraries. */
#define ALIGNMENT 4096

static uint64_t aligned(uint64_t offset)
{
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void make_header(struct mesh_header *header, char **dimensions)
{
    static const char *const names[MESH_FIELDS] = {"temperature", "pressure", "conductivity"};
    uint64_t offset = aligned(sizeof(*header));

    memset(header, 0, sizeof(*header));
    memcpy(header->magic, MESH_MAGIC, sizeof(header->magic));
    header->nx = strtoull(dimensions[0], NULL, 10);
    header->ny = strtoull(dimensions[1], NULL, 10);
    header->nz = strtoull(dimensions[2], NULL, 10);
    for (int i = 0; i < MESH_FIELDS; i++) {
        strcpy(header->field[i].name, names[i]);
        header->field[i].offset = offset;
        offset = aligned(offset + header->nx * header->ny * header->nz * sizeof(double));
    }
}

/* A smooth part and some noise, the same in every run. */
static double value_at(int field, uint64_t x, uint64_t y, uint64_t z)
{
    uint64_t noise = ((x * 73856093) ^ (y * 19349663) ^ (z * 83492791)) + (uint64_t)field;

    noise = (noise ^ (noise >> 15)) * 0x2c1b3c6d;
    return (double)(x + 2 * y + 3 * z) / 1000.0 + (double)(noise & 0xffff) / 65536.0;
}

static int write_field(FILE *out, const struct mesh_header *header, int field)
{
    double *row = malloc(header->nx * sizeof(*row));
    int status = row == NULL;

    if (status == 0 && fseeko(out, (off_t)header->field[field].offset, SEEK_SET) != 0)
        status = 1;
    for (uint64_t z = 0; z < header->nz && status == 0; z++)
        for (uint64_t y = 0; y < header->ny && status == 0; y++) {
            for (uint64_t x = 0; x < header->nx; x++)
                row[x] = value_at(field, x, y, z);
            status = fwrite(row, sizeof(*row), header->nx, out) != header->nx;
        }
    free(row);
    return status;
}

int main(int argc, char **argv)
{
    struct mesh_header header;
    FILE *out;
    int status;

    if (argc != 5) {
        fputs("usage: make_mesh FILE NX NY NZ\n", stderr);
        return 2;
    }
    make_header(&header, argv + 2);
    out = fopen(argv[1], "wb");
    if (out == NULL) {
        perror(argv[1]);
        return 1;
    }
    status = fwrite(&header, sizeof(header), 1, out) != 1;
    for (int i = 0; i < MESH_FIELDS && status == 0; i++)
        status = write_field(out, &header, i);
    if (fclose(out) != 0 || status != 0) {
        perror(argv[1]);
        return 1;
    }
    return 0;
}
