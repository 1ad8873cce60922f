/*
 * board.c: make and read the board of <ps/stats.h> on which processes count
 *
 *     board new FILE     an empty board, for PS_STATS=FILE
 *     board show FILE    a line for each object:
 *                        object fetched size requests faults failures opens direct
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ps/stats.h>

static int board_new(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    uint64_t magic = PS_BOARD_MAGIC;
    uint32_t records = PS_BOARD_RECORDS;

    /* Any user may count on it, whatever the umask. */
    if (fd < 0 || fchmod(fd, 0666) != 0 || ftruncate(fd, sizeof(struct ps_board)) != 0 ||
        pwrite(fd, &records, sizeof(records), offsetof(struct ps_board, records)) < 0 ||
        pwrite(fd, &magic, sizeof(magic), offsetof(struct ps_board, magic)) < 0) {
        perror(path);
        return 1;
    }
    return close(fd);
}

static int board_show(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    const struct ps_board *board;

    if (fd < 0 || fstat(fd, &st) != 0) {
        perror(path);
        return 1;
    }
    if ((size_t)st.st_size < sizeof(*board)) {
        fprintf(stderr, "%s: too short for a board\n", path);
        return 1;
    }
    board = mmap(NULL, sizeof(*board), PROT_READ, MAP_SHARED, fd, 0);
    if (board == MAP_FAILED || board->magic != PS_BOARD_MAGIC) {
        fprintf(stderr, "%s: no board\n", path);
        return 1;
    }
    for (uint32_t i = 0; i < PS_BOARD_RECORDS; i++) {
        const struct ps_record *r = &board->record[i];

        if (__atomic_load_n(&r->state, __ATOMIC_ACQUIRE) != 2)
            continue;
        printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u\n",
               r->object, r->fetched, r->size, r->requests, r->faults, r->failures, r->opens,
               r->direct);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "new") == 0)
        return board_new(argv[2]);
    if (argc == 3 && strcmp(argv[1], "show") == 0)
        return board_show(argv[2]);
    fprintf(stderr, "usage: board new|show FILE\n");
    return 2;
}
