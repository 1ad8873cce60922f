/* space.c: see space.h; by elfutils' libdwfl, which needs no process for it */
#include "space.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How far the module's addresses are from those in its file, by where some code of it is mapped. */
static bool find_bias(int fd, uint64_t start, uint64_t offset, uint64_t *bias)
{
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    size_t count = 0;
    bool found = false;

    if (elf == NULL || elf_getphdrnum(elf, &count) < 0)
        count = 0;
    for (size_t i = 0; i < count && !found; i++) {
        GElf_Phdr part;
        if (gelf_getphdr(elf, (int)i, &part) == NULL || part.p_type != PT_LOAD ||
            !(part.p_flags & PF_X))
            continue;
        /* the kernel maps whole pages */
        found = offset + (uint64_t)sysconf(_SC_PAGESIZE) > part.p_offset &&
                offset < part.p_offset + part.p_filesz;
        *bias = start - (part.p_vaddr - part.p_offset + offset);
    }
    elf_end(elf);
    return found;
}

/* The biases of what was added: each file once, though its code may be mapped in parts. */
struct added {
    uint64_t *biases;
    size_t count;
};

static bool is_new(struct added *added, uint64_t bias)
{
    uint64_t *more;

    for (size_t i = 0; i < added->count; i++)
        if (added->biases[i] == bias)
            return false;
    more = realloc(added->biases, (added->count + 1) * sizeof(*more));
    if (more == NULL)
        return false;
    added->biases = more;
    more[added->count++] = bias;
    return true;
}

static void add_module(Dwfl *dwfl, struct added *added, const char *path, uint64_t start,
                       uint64_t offset)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t bias;

    if (fd < 0)
        return;
    /* a success keeps the descriptor */
    if (!find_bias(fd, start, offset, &bias) || !is_new(added, bias) ||
        dwfl_report_elf(dwfl, path, path, fd, bias, true) == NULL)
        close(fd);
}

void space_load(struct space *space, FILE *maps)
{
    char line[PATH_MAX + 200];
    struct added added = {NULL, 0};

    dwfl_report_begin(space->dwfl);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long long start, offset;
        char rights[5];
        int path = 0;

        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%llx-%*x %4s %llx %*s %*s %n", &start, rights, &offset, &path) == 3 &&
            rights[2] == 'x' && line[path] == '/')
            add_module(space->dwfl, &added, line + path, start, offset);
    }
    dwfl_report_end(space->dwfl, NULL, NULL);
    free(added.biases);
}

static Elf *elf_at(const struct space *space, uint64_t address, GElf_Addr *bias)
{
    Dwfl_Module *module = dwfl_addrmodule(space->dwfl, address);

    return module != NULL ? dwfl_module_getelf(module, bias) : NULL;
}

/* Of what the kernel maps read-only from the file; the rest may be other bytes by now. */
const void *space_bytes(const struct space *space, uint64_t address, size_t size)
{
    GElf_Addr bias;
    Elf *elf = elf_at(space, address, &bias);
    size_t count = 0, file_size;
    const char *file = elf != NULL ? elf_rawfile(elf, &file_size) : NULL;

    if (file == NULL || elf_getphdrnum(elf, &count) < 0)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr part;
        uint64_t at;
        if (gelf_getphdr(elf, (int)i, &part) == NULL || part.p_type != PT_LOAD ||
            (part.p_flags & PF_W))
            continue;
        at = address - bias - part.p_vaddr;
        if (at < part.p_filesz && size <= part.p_filesz - at && part.p_offset < file_size &&
            at + size <= file_size - part.p_offset)
            return file + part.p_offset + at;
    }
    return NULL;
}

bool space_frames(const struct space *space, uint64_t address, struct frames *frames)
{
    Dwfl_Module *module = dwfl_addrmodule(space->dwfl, address);
    GElf_Addr bias, start, end;
    Elf *elf = elf_at(space, address, &bias);
    size_t count = 0;

    if (elf == NULL || elf_getphdrnum(elf, &count) < 0)
        return false;
    dwfl_module_info(module, NULL, &start, &end, NULL, NULL, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr part;
        if (gelf_getphdr(elf, (int)i, &part) == NULL || part.p_type != PT_GNU_EH_FRAME)
            continue;
        *frames = (struct frames){start, end, part.p_vaddr + bias};
        return true;
    }
    return false;
}

static void copy_name(char *to, size_t size, const char *path)
{
    const char *slash = strrchr(path, '/');

    snprintf(to, size, "%s", slash != NULL ? slash + 1 : path);
}

/* A C++ program has what makes its names readable; for others nothing is loaded. */
static void copy_function(char *to, size_t size, const char *name)
{
    char *(*demangle)(const char *, char *, size_t *, int *);
    char *readable = NULL;
    int status;

    *(void **)&demangle = dlsym(RTLD_DEFAULT, "__cxa_demangle");
    if (demangle != NULL && strncmp(name, "_Z", 2) == 0)
        readable = demangle(name, NULL, NULL, &status);
    snprintf(to, size, "%s", readable != NULL ? readable : name);
    free(readable);
}

void space_describe(const struct space *space, uint64_t address, struct ps_frame *code)
{
    Dwfl_Module *module = dwfl_addrmodule(space->dwfl, address);
    const char *name, *file = NULL;
    GElf_Addr bias = 0;
    GElf_Off offset;
    GElf_Sym symbol;
    Dwfl_Line *line;

    *code = (struct ps_frame){0};
    if (module == NULL)
        return;
    dwfl_module_getelf(module, &bias);
    copy_name(code->module, sizeof(code->module),
              dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
    code->offset = address - bias;
    /* of a stripped file the nearest symbol may be another function's */
    name = dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, NULL);
    if (name != NULL && offset < symbol.st_size)
        copy_function(code->function, sizeof(code->function), name);
    line = dwfl_module_getsrc(module, address);
    if (line != NULL)
        file = dwfl_lineinfo(line, NULL, &code->line, NULL, NULL, NULL);
    if (file != NULL)
        copy_name(code->file, sizeof(code->file), file);
}
