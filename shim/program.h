/*
 * program.h: will a program that is about to be run have libps in it?
 *
 * What is not known for sure is no: then the images that it inherits are made
 * whole, which costs time and no byte is wrong. All of it is safe in a handler.
 */
#ifndef PS_PROGRAM_H
#define PS_PROGRAM_H

#include <stdbool.h>
#include <sys/stat.h>

enum ps_program {
    PS_PROGRAM_NONE, /* there is none that the kernel would run: its caller will hear so from it */
    PS_PROGRAM_AWARE,
    PS_PROGRAM_UNAWARE,
    PS_PROGRAM_FOREIGN /* unaware, as it is static, of Go or of another loader: may be supervised */
};

/*
 * ps_program_begin: by the constructor
 *
 * library, loader: the paths of this libps and of what loaded it; NULL: not
 * known. environment: as the loader got it.
 */
void ps_program_begin(const char *library, const char *loader, char *const environment[]);

/* ps_program_preloads: does the loader find this libps in LD_PRELOAD of this environment? */
bool ps_program_preloads(char *const environment[]);

/* ps_program_supervisor: the psctl that runs foreign programs, by this environment; or NULL */
const char *ps_program_supervisor(char *const environment[]);

/*
 * ps_program_judge: the file of that path, for an environment that preloads libps
 *
 * Scripts are followed to their interpreters.
 */
enum ps_program ps_program_judge(int dir, const char *path);

/* ps_program_file: may the file of that path be run? 0, with its st; -ENOENT or -ENOEXEC */
int ps_program_file(int dir, const char *path, struct stat *st);

/*
 * ps_program_search: the same, of the file that PATH means by name, as execvp finds it
 *
 * moves: it will be run in another folder, so only what PATH has from / on is
 * known. found: of PATH_MAX bytes, the path of what is judged; also where
 * name is one.
 */
enum ps_program ps_program_search(const char *name, bool moves, char *found);

#endif
