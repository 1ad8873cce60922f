/* program.c: which programs are known to have libps in them */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../shim/program.h"

static char folder[] = "/tmp/ps-program-XXXXXX";
static char library[PATH_MAX], preload[PATH_MAX + 20];

static char found[PATH_MAX]; /* by a search */

static const char *make(const char *name, const char *text, mode_t mode)
{
    static char paths[4][PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    int fd;

    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    cr_assert(fchmod(fd, mode) == 0 && close(fd) == 0);
    return path;
}

static int find_loader(struct dl_phdr_info *object, size_t size, void *argument)
{
    const char **loader = argument;

    (void)size;
    if (object->dlpi_addr == getauxval(AT_BASE))
        *loader = object->dlpi_name;
    return 0;
}

static const char *loader(void)
{
    const char *path = NULL;

    dl_iterate_phdr(find_loader, &path);
    cr_assert(path != NULL);
    return path;
}

static void begin(void)
{
    static char *own[] = {preload, NULL};

    cr_assert(mkdtemp(folder) != NULL);
    strcpy(library, make("libps.so.1", "a library", 0644));
    snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", library);
    ps_program_begin(library, loader(), own);
}

static void end(void)
{
    char command[PATH_MAX];

    snprintf(command, sizeof(command), "rm -r %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(program, .init = begin, .fini = end);

static bool preloads(const char *list, const char *folders)
{
    char first[3 * PATH_MAX], second[PATH_MAX];
    char *environment[] = {(char *)"A=B", first, folders != NULL ? second : NULL, NULL};

    snprintf(first, sizeof(first), "LD_PRELOAD=%s", list);
    if (folders != NULL)
        snprintf(second, sizeof(second), "LD_LIBRARY_PATH=%s", folders);
    return ps_program_preloads(environment);
}

Test(program, paths_in_ld_preload_must_lead_to_this_libps)
{
    char list[2 * PATH_MAX], *nothing[] = {NULL}, *twice[] = {preload, preload, NULL};
    const char *copy = make("libps.so.2", "another", 0644);

    cr_expect(preloads(library, NULL));
    cr_expect_not(preloads(copy, NULL));
    cr_expect_not(preloads("", NULL));
    cr_expect_not(preloads("/none/libps.so.1", NULL));
    cr_expect_not(ps_program_preloads(nothing));
    cr_expect_not(ps_program_preloads(NULL));
    cr_expect_not(ps_program_preloads(twice), "which one counts?");
    snprintf(list, sizeof(list), "/none:%s", library);
    cr_expect(preloads(list, NULL));
    snprintf(list, sizeof(list), "%s /none", library);
    cr_expect(preloads(list, "/none"));
    cr_assert(unlink(copy) == 0 && symlink(library, copy) == 0);
    cr_expect(preloads(copy, NULL));
    cr_assert(rename(make("other", "", 0644), library) == 0);
    cr_expect_not(preloads(library, NULL), "it was another file when it was loaded");
}

Test(program, names_in_ld_preload_are_searched_as_for_this_process)
{
    char *own[] = {(char *)"LD_PRELOAD=/none libps.so.1 /usr/$LIB/libps.so.1 $ORIGIN/libps.so.1",
                   (char *)"LD_LIBRARY_PATH=/x:", NULL};

    cr_expect_not(preloads("libps.so.1", NULL));
    ps_program_begin(library, loader(), own);
    cr_expect(preloads("libps.so.1", "/x:"));
    cr_expect(preloads("/usr/$LIB/libps.so.1", "/x:"));
    cr_expect_not(preloads("$ORIGIN/libps.so.1", "/x:"));
    cr_expect_not(preloads("/opt/$LIB/libps.so.1", "/x:"));
    cr_expect_not(preloads("libps.so", "/x:"));
    cr_expect_not(preloads("libps.so.1", "/y:"));
    cr_expect_not(preloads("libps.so.1", NULL));
    cr_assert(unlink(library) == 0);
    cr_expect_not(preloads("libps.so.1", "/x:"), "it is not in this root");
}

Test(program, dynamic_programs_and_their_scripts_are_aware)
{
    char text[PATH_MAX + 40];
    const char *script;

    cr_expect_eq(ps_program_judge(AT_FDCWD, "/proc/self/exe"), PS_PROGRAM_AWARE);
    script = make("script", "#! /bin/sh -e\n", 0755);
    cr_expect_eq(ps_program_judge(AT_FDCWD, script), PS_PROGRAM_AWARE);
    snprintf(text, sizeof(text), "#!%s", script);
    cr_expect_eq(ps_program_judge(AT_FDCWD, make("chain", text, 0755)), PS_PROGRAM_AWARE);
    cr_expect_eq(ps_program_search("sh", false, found), PS_PROGRAM_AWARE);
    cr_expect_eq(ps_program_search(script, false, found), PS_PROGRAM_AWARE);
}

Test(program, what_another_loader_runs_is_not_aware)
{
    ps_program_begin(library, library, NULL);
    cr_expect_eq(ps_program_judge(AT_FDCWD, "/bin/sh"), PS_PROGRAM_FOREIGN);
    ps_program_begin(library, NULL, NULL);
    cr_expect_eq(ps_program_judge(AT_FDCWD, "/bin/sh"), PS_PROGRAM_FOREIGN);
}

Test(program, what_is_not_known_is_not_aware)
{
    const char *shut = make("shut", "#!/bin/sh\n", 0311);

    cr_expect_eq(ps_program_judge(AT_FDCWD, make("text", "echo\n", 0755)), PS_PROGRAM_UNAWARE);
    cr_expect_eq(ps_program_judge(AT_FDCWD, make("empty", "", 0755)), PS_PROGRAM_UNAWARE);
    cr_expect_eq(ps_program_judge(AT_FDCWD, make("elf", "\177ELF\2\1\1", 0755)),
                 PS_PROGRAM_UNAWARE);
    cr_expect_eq(ps_program_judge(AT_FDCWD, loader()), PS_PROGRAM_FOREIGN, "it has no loader");
    cr_expect_eq(ps_program_judge(AT_FDCWD, shut),
                 geteuid() == 0 ? PS_PROGRAM_AWARE : PS_PROGRAM_UNAWARE);
}

Test(program, other_rights_are_not_aware)
{
    const char *script = make("script", "#!/proc/self/exe\n", 0755);

    cr_expect_eq(ps_program_judge(AT_FDCWD, script), PS_PROGRAM_AWARE);
    if (geteuid() != 0)
        return;
    cr_assert(setegid(65534) == 0);
    cr_expect_eq(ps_program_judge(AT_FDCWD, script), PS_PROGRAM_UNAWARE);
    cr_assert(setegid(0) == 0);
}

Test(program, what_the_kernel_would_not_run_is_none)
{
    char text[PATH_MAX + 40];

    cr_expect_eq(ps_program_judge(AT_FDCWD, "/none"), PS_PROGRAM_NONE);
    cr_expect_eq(ps_program_judge(AT_FDCWD, ""), PS_PROGRAM_NONE);
    cr_expect_eq(ps_program_judge(AT_FDCWD, (const char *)8), PS_PROGRAM_NONE);
    cr_expect_eq(ps_program_judge(AT_FDCWD, "/tmp"), PS_PROGRAM_NONE);
    cr_expect_eq(ps_program_judge(AT_FDCWD, make("plain", "#!/bin/sh\n", 0644)), PS_PROGRAM_NONE);
    cr_expect_eq(ps_program_judge(AT_FDCWD, make("lost", "#!/none\n", 0755)), PS_PROGRAM_NONE);
    snprintf(text, sizeof(text), "#!%s/loop\n", folder);
    cr_expect_eq(ps_program_judge(AT_FDCWD, make("loop", text, 0755)), PS_PROGRAM_NONE);
}

Test(program, path_is_searched_as_libc_does)
{
    char path[3 * PATH_MAX];

    snprintf(path, sizeof(path), "/none::%s:/bin", folder);
    cr_assert(setenv("PATH", path, 1) == 0);
    make("sh", "#!/bin/sh\n", 0644); /* not to be run: the next is taken */
    cr_expect_eq(ps_program_search("sh", false, found), PS_PROGRAM_AWARE);
    cr_expect_eq(ps_program_search("sh", true, found), PS_PROGRAM_UNAWARE, "another folder's sh");
    cr_expect_eq(ps_program_search("no such program", false, found), PS_PROGRAM_NONE);
    cr_expect_eq(ps_program_search("", false, found), PS_PROGRAM_NONE);
    cr_assert(chmod(make("sh", "text", 0600), 0755) == 0);
    cr_expect_eq(ps_program_search("sh", false, found), PS_PROGRAM_UNAWARE);
    cr_assert(unsetenv("PATH") == 0);
    cr_expect_eq(ps_program_search("sh", true, found), PS_PROGRAM_AWARE);
}

Test(program, a_search_says_what_it_found)
{
    char path[3 * PATH_MAX];

    snprintf(path, sizeof(path), "/none:%s", folder);
    cr_assert(setenv("PATH", path, 1) == 0);
    snprintf(path, sizeof(path), "%s/run", folder);
    make("run", "#!/bin/sh\n", 0755);
    cr_expect_eq(ps_program_search("run", false, found), PS_PROGRAM_AWARE);
    cr_expect_str_eq(found, path);
    cr_assert(unsetenv("PATH") == 0);
    cr_expect_eq(ps_program_search("/bin/sh", false, found), PS_PROGRAM_AWARE);
    cr_expect_str_eq(found, "/bin/sh");
}

Test(program, a_supervisor_must_be_there_and_be_another_program)
{
    char text[PATH_MAX + 20], own[PATH_MAX] = "";
    char *environment[] = {text, NULL}, *nothing[] = {NULL};
    const char *psctl = make("psctl", "", 0755);

    snprintf(text, sizeof(text), "PS_SUPERVISOR=%s", psctl);
    cr_expect_str_eq(ps_program_supervisor(environment), psctl);
    cr_expect_null(ps_program_supervisor(nothing));
    cr_assert(unlink(psctl) == 0);
    cr_expect_null(ps_program_supervisor(environment));
    strcpy(text, "PS_SUPERVISOR=on");
    cr_expect_null(ps_program_supervisor(environment));
    cr_assert(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
    snprintf(text, sizeof(text), "PS_SUPERVISOR=%s", own);
    cr_expect_null(ps_program_supervisor(environment), "it has judged already");
}
