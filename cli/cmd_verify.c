/* cmd_verify.c: psctl verify: is all of the object there, and what its proxy says? */
#include <getopt.h>

#include "psctl.h"

/* What was found. error is "" where the object is right. */
struct finding {
    const char *name;
    char digest[PS_DIGEST_MAX];
    int is_checked; /* the proxy had one */
    struct ps_error err;
};

static void look(struct finding *finding)
{
    struct ps_proxy proxy;
    struct ps_error *err = &finding->err;

    if (load_proxy(&proxy, finding->name, err) < 0 || is_refused(finding->name, err) ||
        make_digest(ps_store_copy, finding->name, finding->digest, err) < 0)
        return;
    finding->is_checked = has_digest(&proxy);
    if (finding->is_checked && !knows_digest(&proxy))
        ps_error_set(err, PS_E_UNSUPPORTED, 0, "its digest is of a kind that is not known: %.80s",
                     proxy.digest);
    else if (finding->is_checked)
        check_digest(&proxy, finding->digest, err);
}

static void print_text(const struct finding *finding)
{
    print_clean(stdout, finding->name);
    fputs(": ", stdout);
    if (finding->err.code != 0)
        print_clean(stdout, finding->err.message);
    else
        fputs(finding->is_checked ? "right, by its digest" : "all there; the proxy has no digest",
              stdout);
    putchar('\n');
}

static void print_json(const struct finding *finding)
{
    fputs("{\"proxy\": ", stdout);
    json_string(stdout, finding->name);
    printf(", \"right\": %s", finding->err.code == 0 ? "true" : "false");
    if (finding->digest[0] != '\0')
        printf(", \"digest\": \"%s\", \"checked\": %s", finding->digest,
               finding->is_checked ? "true" : "false");
    if (finding->err.code != 0) {
        fputs(", \"error\": ", stdout);
        json_string(stdout, finding->err.message);
    }
    fputs("}\n", stdout);
}

int cmd_verify(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int answer, is_json = 0, is_quiet = 0, status = STATUS_OK;

    opterr = 0;
    while ((answer = getopt_long(argc, argv, ":jqh", options, NULL)) != -1) {
        if (answer == 'j')
            is_json = 1;
        else if (answer == 'q')
            is_quiet = 1;
        else if (answer == 'h')
            return show_help(self);
        else
            return bad_option(self, answer, argv);
    }
    if (optind == argc)
        return usage(self, "no proxy is named");
    for (; optind < argc; optind++) {
        struct finding finding = {.name = argv[optind]};

        progress_begin(is_quiet);
        look(&finding);
        progress_end();
        if (is_json)
            print_json(&finding);
        else
            print_text(&finding);
        fflush(stdout);
        if (finding.err.code != 0)
            status = STATUS_FAILED;
    }
    return status;
}
