/*
 * psctl.h: what the commands of psctl share
 *
 * psctl is linked to libps, whose wrappers show every proxy file as its
 * object. Where psctl must see the proxy file itself, or any file as it
 * really is, it asks the kernel by the raw_ functions below.
 */
#ifndef PSCTL_H
#define PSCTL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <ps/proxy.h>
#include <ps/ps.h>

enum status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_UNKNOWN = 3,      /* of exists: the store could not be asked */
    STATUS_CANNOT_RUN = 126, /* these two as shells have them */
    STATUS_NO_PROGRAM = 127,
};

struct command {
    const char *name;
    int (*run)(const struct command *self, int argc, char **argv); /* returns the exit status */
    const char *synopsis;
    const char *summary;
    const char *help;
};

int cmd_put(const struct command *self, int argc, char **argv);
int cmd_proxy(const struct command *self, int argc, char **argv);
int cmd_copy(const struct command *self, int argc, char **argv);
int cmd_ls(const struct command *self, int argc, char **argv);
int cmd_exists(const struct command *self, int argc, char **argv);
int cmd_verify(const struct command *self, int argc, char **argv);
int cmd_get(const struct command *self, int argc, char **argv);
int cmd_info(const struct command *self, int argc, char **argv);
int cmd_evict(const struct command *self, int argc, char **argv);
int cmd_run(const struct command *self, int argc, char **argv);
int cmd_doctor(const struct command *self, int argc, char **argv);

/* --- messages and options (text.c) ----------------------------------------- */

/* fail: one line "psctl: ..." on stderr; returns STATUS_FAILED */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* usage: the same, followed by where to read more; returns STATUS_USAGE */
int usage(const struct command *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* bad_option: usage error for what getopt_long returned as '?' or ':' */
int bad_option(const struct command *self, int answer, char **argv);

/* one_operand: NULL and a usage error in *status, unless exactly one argument is left */
const char *one_operand(const struct command *self, int argc, char **argv, int *status);

/* show_help: the page of one command on stdout */
int show_help(const struct command *self);

/* human_size, human_time: short text such as "204.8 MiB", "1.25 s"; return text */
const char *human_size(uint64_t bytes, char *text, size_t size);
const char *human_time(uint64_t ns, char *text, size_t size);

/* print_clean: text from a proxy, its control characters made harmless */
void print_clean(FILE *stream, const char *text);

/* json_string: text as a JSON string, quotes included; what is no UTF-8 becomes U+FFFD */
void json_string(FILE *stream, const char *text);

/* json_field: of an object that is being printed, unless value is "" */
void json_field(const char *name, const char *value);

/* write_all: 0, or a status, when it has said that name can't be written (write.c) */
int write_all(int fd, const char *data, size_t size, const char *name);

/* is_output: "-", where a proxy is wanted: standard output has it, and no words of ours (made.c) */
int is_output(const char *path);

/* write_proxy: as ps_proxy_write */
int write_proxy(const struct ps_proxy *proxy, const char *path, struct ps_error *err);

/* words_to: where words about the proxy at path go */
FILE *words_to(const char *path, int is_json);

/* print_made: the one line of put, copy and proxy */
void print_made(const char *path, const struct ps_proxy *proxy, int is_json);

/* --- files as they are (raw.c) ----------------------------------------------- */

/* All return a negative errno on failure. raw_call: any system call. */
long raw_call(long number, long a, long b, long c, long d, long e, long f);
int raw_open(const char *path, int flags, int mode);
int raw_stat(const char *path, struct stat *status);
ssize_t raw_pread(int fd, void *buffer, size_t size, uint64_t offset);

/* is_proxy_file: 1 when path has the size and the magic of a proxy file, else 0 */
int is_proxy_file(const char *path);

/* is_writable_folder: can a file be made beside path? */
int is_writable_folder(const char *path);

/* --- proxies and places (place.c) --------------------------------------------- */

/* is_url: does text begin with "scheme://"? */
int is_url(const char *text);

/* load_proxy: argument is the path of a proxy file, or a URI */
int load_proxy(struct ps_proxy *proxy, const char *argument, struct ps_error *err);

/*
 * split_object: the URL of the store that holds an object, and its key there
 *
 * The options after '?' belong to the store's URL. store and key have
 * PS_URI_MAX bytes each.
 */
int split_object(const char *object, char *store, char *key, struct ps_error *err);

/* open_store_of: that store, opened; url and key as split_object gives them */
int open_store_of(struct ps_store **store, const char *object, char *url, char *key,
                  struct ps_error *err);

/* percent_decode: [text, end) into out, which has room for all of it and a NUL */
int percent_decode(char *out, const char *text, const char *end, struct ps_error *err);

/* file_url: "file://" and the canonical path, percent-encoded */
int file_url(const char *path, char *url, size_t size, struct ps_error *err);

/*
 * is_refused: would the trust rules keep a program from this proxy?
 *
 * A proxy is other people's text. A command that touches the place it names
 * asks this first. Fills err when it returns 1.
 */
int is_refused(const char *argument, struct ps_error *err);

/*
 * is_elsewhere: is found, which its store has described, not where the proxy file says?
 *
 * To open a store follows symbolic links, as its place is its user's own word.
 * What a proxy file says is not: who wrote it could put a link there after
 * is_refused has judged the place. A URI on the command line is the user's.
 */
int is_elsewhere(const char *argument, const struct ps_proxy *proxy, const struct ps_proxy *found,
                 struct ps_error *err);

/* choose_proxy_path: where the proxy of path goes; checks that it can be made. 0, or a status. */
int choose_proxy_path(const char *path, const char *wanted, char *out, size_t size);

/* record_trust: the user named this place, so allow it from now on; says so, there, when it is new
 */
void record_trust(const char *place, FILE *told);

/* record_store: the same of the whole store of an object */
void record_store(const char *object, FILE *told);

/* --- putting (into_store.c, digest.c, progress.c) -------------------------------- */

/* ps_store_put_file, or ps_store_copy */
typedef int put_function(struct ps_store *store, const char *key, const char *from,
                         struct ps_proxy *proxy, struct ps_error *err);

/* What is put: from where, and whether that can be. */
struct source {
    int (*check)(const char *from); /* 0, or a status */
    put_function *put;
    int needs_output; /* the user must name the proxy */
    int may_be_input; /* "-" is standard input */
};

/* into_store: all of psctl put, and of psctl copy */
int into_store(const struct command *self, int argc, char **argv, const struct source *source);

/* spool_input: the path of a nameless file with all of standard input. 0, or a status. */
int spool_input(char *path, size_t size);

/* make_digest: of from, as put reads it; digest has PS_DIGEST_MAX bytes */
int make_digest(put_function *put, const char *from, char *digest, struct ps_error *err);

/* has_digest: of a whole object; that of a part is not known */
int has_digest(const struct ps_proxy *proxy);

/* knows_digest: and it is of the kind that make_digest makes */
int knows_digest(const struct ps_proxy *proxy);

/* check_digest: is digest, as made, the proxy's? Else PS_E_CORRUPT. */
int check_digest(const struct ps_proxy *proxy, const char *digest, struct ps_error *err);

/*
 * progress_begin, _end: a line on a terminal, of what is put or copied meanwhile
 *
 * A put or copy that a signal has ended (ending.c) stops there. progress_show is
 * for who moves bytes itself; on any thread.
 */
void progress_begin(int is_quiet);
int progress_show(uint64_t done, uint64_t size);
void progress_end(void);

/* --- signals that end a put (ending.c) -------------------------------------------- */

/* ending_begin: from now on SIGHUP, SIGINT and SIGTERM are noted; a second one ends psctl at once
 */
void ending_begin(void);

/* ending: the one that came, or 0 */
int ending(void);

/* ending_finish: end as it would have ended psctl, if one came; else returns */
void ending_finish(void);

/* --- psctl doctor (doctor_store.c) ------------------------------------------------ */

/* config_path: the rule of libps(7) for where the configuration is; 0 when there is no place */
int config_path(char *path, size_t size);

/*
 * default_store_writable: 0 when the default store is a folder where a put can
 * make no file; path, of PATH_MAX bytes, is then what refuses it, errno why
 */
int default_store_writable(char *path);

/* --- psctl run (run_cache.c, run_check.c, run_child.c, run_learn.c, run_proxy.c, run_stats.c,
 * run_profile.c) -------------
 */

/* find_program: the file that PATH means by name. 0, STATUS_NO_PROGRAM or STATUS_CANNOT_RUN. */
int find_program(const char *name, char *path, size_t size);

/* What psctl run does with a program. */
struct judgement {
    const char *why; /* it can't be preloaded, for "<path> <why>"; NULL: it can */
    int can_be_supervised;
};

/*
 * judge_program: will the loader honour LD_PRELOAD for path, the file of the program name?
 *
 * 0, or STATUS_CANNOT_RUN or STATUS_NO_PROGRAM with a message of its own when it can't be run at
 * all.
 */
int judge_program(struct judgement *judgement, const char *path, const char *name);

/*
 * copy_program: the program that the proxy file path stands for, fetched whole
 *
 * copy, of size bytes, is the path of it, in memory, for this process and its
 * children. 0, or STATUS_CANNOT_RUN with a message.
 */
int copy_program(const char *path, char *copy, size_t size);

/* exec_program: path, or the copy of it; returns only when that failed, by errno */
void exec_program(const char *path, char **argv);

/* is_other_processor: is it an ELF file, and of another kind than psctl? */
int is_other_processor(const char *path);

/* is_shell_text: may it be a script without a first line "#!"? A damaged program has NULs. */
int is_shell_text(const char *path);

/* become_program: returns only when that failed, with the exit status, and has said so */
int become_program(const char *path, char **argv);

/* run_child: run it and wait; the exit status. *is_started: 0 when it could not be run. */
int run_child(const char *path, char **argv, int *is_started);

/*
 * run_apart: a child does it; the status that body returns
 *
 * For what needs libps before the program runs: this process has no threads
 * then, and libps has not read the variables that are still to be set.
 */
int run_apart(int (*body)(const void *argument), const void *argument);

/* pass_signals_on: what is sent to psctl from now on is meant for that process */
void pass_signals_on(pid_t to);

/* share_cache: this process, as the program that it becomes, and those below it have one cache,
 * unless the user has said something of it */
void share_cache(void);

/* set_learn: PS_LEARN is a folder that the program can note in; it is made if need be. 0, or a
 * status. */
int set_learn(void);

struct run_profile {
    const char *prefix;
    const struct ps_unwind *unwind;
    char folder[256]; /* where the processes write */
};

/* profile_begin: PS_PROFILE is a new folder of this user's alone. 0, or a status. */
int profile_begin(struct run_profile *run, const char *prefix);

/* profile_end: the folder goes; if the program ran, what waited is in files and on stderr */
int profile_end(const struct run_profile *run, int is_started);

struct ps_board;

/* stats_open: a board in a memfd. *fd and the address are the caller's. NULL on error. */
struct ps_board *stats_open(int *fd);

/* stats_table, stats_json: what was counted, on stderr */
void stats_table(const struct ps_board *board);
void stats_json(const struct ps_board *board, int status);

#endif
