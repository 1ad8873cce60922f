/* mesh.h: the file that make_mesh writes and mesh_sim reads, in the byte order of the machine */
#ifndef MESH_H
#define MESH_H

#include <stdint.h>

#define MESH_MAGIC  "MESH 1\n"
#define MESH_FIELDS 3

/* A field is nz planes of ny rows of nx doubles, at its offset in the file. */
struct mesh_field {
    char name[24];
    uint64_t offset;
};

struct mesh_header {
    char magic[8];
    uint64_t nx, ny, nz;
    struct mesh_field field[MESH_FIELDS];
};

#endif
