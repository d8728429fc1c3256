/* output.c -- what leaves the command: data on standard output, words on standard error, JSON when asked.
 *
 * For: every command. Must not know: which verb is running, beyond its name.
 *
 * 1. A failure is said once: two lines for people, or one JSON object, and its exit code.
 * 2. Lost output is never silent: the first failed write is remembered, and cli_flush turns it into an
 *    exit code. A reader that went away (EPIPE) is no failure worth a word.
 */
#define CLI_OUTPUT_C
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

bool cli_stopped(void)
{
    return stopped != 0;
}
void cli_stop_clear(void)
{
    stopped = 0;
}

void cli_stop_catch(void)
{
    struct sigaction action = {.sa_handler = on_stop};

    sigaction(SIGINT, &action, NULL);
}

/* ---- failures --------------------------------------------------------------------------- */

/* Text for JSON: file names and messages may hold bytes that are not UTF-8. The copy is the caller's. */
static char *clean_utf8(const char *text)
{
    size_t size = strlen(text), used = 0, i = 0;
    char *clean = malloc(size * 4 + 1);

    if (!clean) return NULL;
    while (i < size) {
        size_t length = aer__port_utf8_length((const unsigned char *)text + i, size - i);

        if (length) {
            memcpy(clean + used, text + i, length);
            used += length;
            i += length;
        } else {
            used += (size_t)sprintf(clean + used, "\\x%02x", (unsigned char)text[i++]);
        }
    }
    clean[used] = '\0';
    return clean;
}

json_t *cli_text_json(const char *text)
{
    char *clean = clean_utf8(text);
    json_t *string = clean ? json_string(clean) : NULL;

    free(clean);
    return string;
}

static void fail_json(json_t *extra, int exit_code, const char *code, const char *hint, const char *message)
{
    char *clean = clean_utf8(message), *clean_hint = hint ? clean_utf8(hint) : NULL;
    json_t *error = json_pack("{s:s, s:i, s:s, s:s?}", "code", code, "exit", exit_code, "message",
                              clean ? clean : "out of memory", "hint", clean_hint);
    json_t *object = json_pack("{s:i, s:b, s:o}", "schema", 1, "ok", 0, "error", error);

    if (object && extra) json_object_update(object, extra);
    if (object) {
        json_dumpf(object, stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_decref(object);
    free(clean);
    free(clean_hint);
}

static int fail_list(struct cli *cli, json_t *extra, int exit_code, const char *code, const char *hint,
                     const char *format, va_list list)
{
    char *message = NULL;

    if (vasprintf(&message, format, list) < 0) message = NULL;
    if (cli->json) {
        fail_json(extra, exit_code, code, hint, message ? message : "out of memory");
    } else {
        fflush(stdout);
        fprintf(stderr, "aerials: %s\n", message ? message : "out of memory");
        if (hint && strcmp(hint, cli->last_hint) != 0) fprintf(stderr, "hint: %s\n", hint);
        if (hint) snprintf(cli->last_hint, sizeof(cli->last_hint), "%s", hint);
    }
    free(message);
    json_decref(extra);
    return exit_code;
}

int cli_fail(struct cli *cli, int exit_code, const char *code, const char *hint, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    exit_code = fail_list(cli, NULL, exit_code, code, hint, format, list);
    va_end(list);
    return exit_code;
}

int cli_fail_with(struct cli *cli, json_t *extra, int exit_code, const char *code, const char *hint, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    exit_code = fail_list(cli, extra, exit_code, code, hint, format, list);
    va_end(list);
    return exit_code;
}

int cli_usage(struct cli *cli, const char *format, ...)
{
    char hint[96];
    va_list list;

    if (cli->in_shell) snprintf(hint, sizeof(hint), "help%s%s", cli->verb ? " " : "", cli->verb ? cli->verb->name : "");
    else snprintf(hint, sizeof(hint), "aerials %s%s", cli->verb ? cli->verb->name : "", cli->verb ? " --help" : "help");
    va_start(list, format);
    fail_list(cli, NULL, EXIT_USAGE, "usage", hint, format, list);
    va_end(list);
    return EXIT_USAGE;
}

int cli_no_memory(struct cli *cli)
{
    return cli_fail(cli, EXIT_SYSTEM, "no_memory", NULL, "out of memory");
}

int cli_no(struct cli *cli, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    if (cli->json || !cli->quiet) fail_list(cli, NULL, EXIT_NO, "not_found", NULL, format, list);
    va_end(list);
    return EXIT_NO;
}

/* One row per library code: the exit code, the word for programs. */
static const struct {
    int rc, exit_code;
    const char *code;
} codes[] = {
    {AER_NOTFOUND, EXIT_NO, "not_found"},
    {AER_MISUSE, EXIT_USAGE, "misuse"},
    {AER_INVALID, EXIT_USAGE, "invalid"},
    {AER_BUSY, EXIT_BUSY, "busy"},
    {AER_READONLY, EXIT_SYSTEM, "readonly"},
    {AER_PERM, EXIT_SYSTEM, "permission"},
    {AER_NODB, EXIT_NODB, "no_database"},
    {AER_NEWER, EXIT_NEWER, "newer_format"},
    {AER_EXISTS, EXIT_USAGE, "exists"},
    {AER_CORRUPT, EXIT_DAMAGE, "damage"},
    {AER_IO, EXIT_SYSTEM, "io"},
    {AER_FULL, EXIT_SYSTEM, "full"},
    {AER_NOMEM, EXIT_SYSTEM, "no_memory"},
    {AER_UNKNOWN, EXIT_SYSTEM, "unknown"},
    {AER_STOPPED, EXIT_INTERRUPT, "stopped"},
    {AER_NOTABLE, EXIT_USAGE, "no_table"},
    {AER_CONFLICT, EXIT_CONFLICT, "conflict"},
    {AER_CHANGED, EXIT_DAMAGE, "changed"},
};

static const char *code_word(int rc)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].rc == rc) return codes[i].code;
    return "io";
}

int cli_exit_code(int rc)
{
    if (rc == AER_OK || rc == AER_DONE) return EXIT_YES;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].rc == rc) return codes[i].exit_code;
    return EXIT_SYSTEM;
}

static bool table_is_there(struct cli *cli)
{
    aer_table_def *def = NULL;
    int rc = aer_table_get(cli->db, cli->table, &def);

    aer_free(def);
    return rc == AER_OK;
}

/* The next command after AER_NOTABLE or AER_CHANGED. */
static void table_hint(struct cli *cli, int rc, const char *where, char *text, size_t capacity)
{
    char *table = cli_quote(cli->table);

    if (table && rc == AER_CHANGED)
        snprintf(text, capacity, "to take over what was done by hand: aerials -d %s index rebuild %s", where, table);
    else if (table && table_is_there(cli))
        snprintf(text, capacity, "its columns and indexes: aerials -d %s table show %s", where, table);
    else snprintf(text, capacity, "all tables: aerials -d %s table ls", where);
    free(table);
}

/* The next command for a library code, in TEXT; NULL: there is none worth naming. */
static const char *hint_for(struct cli *cli, int rc, char *text, size_t capacity)
{
    const char *dir = cli_dir(cli);
    char *quoted = cli_quote(dir ? dir : "."), *about = cli->about ? cli_quote(cli->about) : NULL;
    const char *where = quoted ? quoted : ".", *place = about ? about : where;
    struct stat st;

    text[0] = '\0';
    if (rc == AER_NODB && (stat(dir ? dir : ".", &st) < 0 || S_ISDIR(st.st_mode))) {
        snprintf(text, capacity, "aerials init %s", where);
    } else if (rc == AER_BUSY) {
        snprintf(text, capacity, "another process is writing; wait longer: aerials -d %s --wait=60s %s ...", where,
                 cli->verb ? cli->verb->name : "");
    } else if (rc == AER_NEWER) {
        snprintf(text, capacity, "this aerials reads format %d: aerials version", AER_FORMAT_VERSION);
    } else if (rc == AER_CORRUPT && cli->db_open) {
        snprintf(text, capacity, "what is not in that file still reads; the files: aerials -d %s bucket ls", where);
    } else if (rc == AER_CORRUPT) {
        snprintf(text, capacity, "every bucket opens with sqlite3 all the same: find %s/bucketroot -name '*.sq3'", where);
    } else if (rc == AER_FULL) {
        snprintf(text, capacity, "df -h %s; df -i %s", place, place);
    } else if (rc == AER_READONLY || rc == AER_PERM) {
        snprintf(text, capacity, "ls -ld %s", place);
    } else if (rc == AER_UNKNOWN) {
        snprintf(text, capacity, "see whether it is in: aerials -d %s status", where);
    } else if ((rc == AER_CHANGED || rc == AER_NOTABLE) && cli->table && cli->db) {
        table_hint(cli, rc, where, text, capacity);
    } else if (rc == AER_CHANGED) {
        snprintf(text, capacity, "ls %s/tables; aerials -d %s index rebuild TABLE, for each", where, where);
    }
    free(quoted);
    free(about);
    return text[0] ? text : NULL;
}

int cli_fail_rc(struct cli *cli, int rc, const char *why)
{
    char hint[1024];

    return cli_fail(cli, cli_exit_code(rc), code_word(rc), hint_for(cli, rc, hint, sizeof(hint)), "%s", why);
}

/* WHAT: WHY */
static int fail_about(struct cli *cli, int rc, const char *why, const char *what, va_list list)
{
    char *about = NULL, *sentence = NULL;

    if (vasprintf(&about, what, list) < 0) about = NULL;
    if (about && asprintf(&sentence, "%s: %s", about, why) < 0) sentence = NULL;
    rc = cli_fail_rc(cli, rc, sentence ? sentence : why);
    free(sentence);
    free(about);
    return rc;
}

int cli_fail_db(struct cli *cli, int rc, const char *what, ...)
{
    const char *why = cli->db ? aer_errmsg(cli->db) : "";
    char *kept = strdup(why[0] ? why : aer_strerror(rc)); /* the next call on the handle would take it away */
    va_list list;

    va_start(list, what);
    rc = fail_about(cli, rc, kept ? kept : aer_strerror(rc), what, list);
    va_end(list);
    free(kept);
    return rc;
}

int cli_fail_port(struct cli *cli, const struct port_error *error, const char *what, ...)
{
    va_list list;
    int exit_code;

    va_start(list, what);
    exit_code = fail_about(cli, error->code, error->message[0] ? error->message : aer_strerror(error->code), what, list);
    va_end(list);
    return exit_code;
}

int cli_fail_os(struct cli *cli, const char *what, ...)
{
    int error = errno;
    const char *code = error == EACCES || error == EPERM ? "permission" : error == ENOSPC ? "full" : "io";
    char *about = NULL;
    va_list list;

    va_start(list, what);
    if (vasprintf(&about, what, list) < 0) about = NULL;
    va_end(list);
    cli_fail(cli, EXIT_SYSTEM, code, NULL, "%s: %s", about ? about : "out of memory", strerror(error));
    free(about);
    return EXIT_SYSTEM;
}

void cli_say(struct cli *cli, const char *format, ...)
{
    va_list list;

    if (cli->quiet || cli->json) return;
    fflush(stdout);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
}

/* ---- data ------------------------------------------------------------------------------- */

static int out_failed(struct cli *cli)
{
    if (!cli->out_error) cli->out_error = errno ? errno : EIO;
    return 1;
}

int cli_out(struct cli *cli, const void *data, size_t size)
{
    if (cli->out_error) return 1;
    if (size == 0) return 0;
    errno = 0;
    return fwrite(data, 1, size, stdout) == size ? 0 : out_failed(cli);
}

int cli_outf(struct cli *cli, const char *format, ...)
{
    va_list list;
    int n;

    if (cli->out_error) return 1;
    errno = 0;
    va_start(list, format);
    n = vfprintf(stdout, format, list);
    va_end(list);
    return n < 0 ? out_failed(cli) : 0;
}

int cli_row(struct cli *cli, json_t *row)
{
    int failed;

    if (!row) return cli_no_memory(cli);
    errno = 0;
    failed = cli->out_error || json_dumpf(row, stdout, JSON_COMPACT) || putchar('\n') == EOF;
    json_decref(row);
    return failed ? out_failed(cli) : 0;
}

int cli_json_ok(struct cli *cli, json_t *object)
{
    json_t *answer = json_pack("{s:i, s:b}", "schema", 1, "ok", 1);

    if (answer && object) json_object_update(answer, object);
    json_decref(object);
    cli_row(cli, answer);
    return EXIT_YES;
}

int cli_flush(struct cli *cli, int exit_code)
{
    int error;

    errno = 0;
    if (fflush(stdout) || ferror(stdout)) out_failed(cli);
    error = cli->out_error;
    cli->out_error = 0;
    clearerr(stdout);
    if (!error) return exit_code;
    if (error == EPIPE) return EXIT_PIPE;
    fprintf(stderr, "aerials: cannot write to standard output: %s\n", strerror(error));
    return EXIT_SYSTEM;
}

/* ---- small things ----------------------------------------------------------------------- */

char *cli_quote(const char *word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-";
    char *quoted, *p;

    if (word[0] && word[strspn(word, safe)] == '\0') return strdup(word);
    quoted = calloc(strlen(word) + 1, 4);
    if (!quoted) return NULL;
    p = quoted;
    *p++ = '\'';
    for (; *word; word++) {
        if (*word == '\'') p = stpcpy(p, "'\\''");
        else *p++ = *word;
    }
    *p++ = '\'';
    *p = '\0';
    return quoted;
}

void cli_size_text(char *text, size_t capacity, uint64_t size)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double n = (double)size;
    int unit = 0;

    while (n >= 1024 && unit < 5) {
        n /= 1024;
        unit++;
    }
    if (unit == 0) snprintf(text, capacity, "%llu bytes", (unsigned long long)size);
    else snprintf(text, capacity, n == (double)(uint64_t)n ? "%.0f %s" : "%.1f %s", n, units[unit]);
}
