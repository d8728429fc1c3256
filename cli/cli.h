/* cli.h -- what the files of the command line share.
 *
 * For: cli/ only. A command is one file cmd_VERB.c that holds one `struct verb`; verbs.c lists them, and
 * from that list come dispatch, --help, the manual page and the completions.
 * Must not know: anything below include/aerials.h and src/port/port.h.
 *
 * Data goes to standard output, words to standard error. A command's function returns the exit code; whoever
 * meets a failure says it once, through cli_fail or one of its relatives, and hands that code up.
 */
#ifndef AER_CLI_H
#define AER_CLI_H

#include "port/port.h"

#include <aerials.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit codes are part of the surface: scripts depend on each of them. */
enum {
    EXIT_YES = 0,
    EXIT_NO = 1,       /* the answer is no: key absent, nothing matches */
    EXIT_USAGE = 2,    /* wrong use */
    EXIT_PARTLY = 3,   /* partly done; what was skipped is listed */
    EXIT_DAMAGE = 4,   /* damage found */
    EXIT_SYSTEM = 5,   /* I/O, full, permission, memory */
    EXIT_CONFLICT = 6, /* --if-absent and the key is there; a row breaks unique or not null */
    EXIT_NODB = 10,
    EXIT_BUSY = 11,
    EXIT_NEWER = 12,
    EXIT_PIPE = 141,     /* what SIGPIPE would have given */
    EXIT_INTERRUPT = 130 /* what SIGINT would have given */
};

/* Values up to here are held in memory; larger ones go through readers and writers. */
#define CLI_SMALL_VALUE (UINT64_C(8) << 20)

struct cli;
struct args;

/* One option of a verb. `value` is the name of its argument in help, NULL for a flag. A NULL name ends the list. */
struct cli_option {
    const char *name;
    char letter; /* 0: long only */
    const char *value;
    const char *help;
};

enum {
    VERB_NUMBERS = 1,    /* "-5" is an operand, not an option */
    VERB_SHELL_ONLY = 2, /* a word of `aerials shell` alone */
    VERB_NOT_IN_SHELL = 4
};

/* A second word of a verb, as in `table create`. */
struct sub {
    const char *name;
    const char *synopsis;                                 /* of the operands behind the name */
    int min, max;                                         /* how many there are; max -1: any number */
    int mode;                                             /* CLI_READ, CLI_WRITE */
    unsigned options;                                     /* 1 << index of each option that means something to it */
    int (*run)(struct cli *cli, const struct args *args); /* with the database open; operand[0] is the name */
};

struct verb {
    const char *name;
    const char *synopsis; /* what follows the name */
    const char *sentence; /* one sentence, with its full stop */
    const char *notes;    /* a short paragraph for --help, lines of at most 78 columns, or NULL */
    const struct cli_option *options;
    const char *examples[2];
    int min_operands;
    int max_operands; /* -1: any number */
    unsigned flags;
    int many; /* 1 + the index of the option that may be given again and again, each time counting; 0: none */
    const struct sub *subs; /* ends with a NULL name; `run` leads to sub_run then. NULL: there are none */
    int (*run)(struct cli *cli, const struct args *args);
};

#define ARGS_MAX_OPTIONS 16

/* A verb's command line, taken apart. Options are indexed as in verb->options; the last of equal ones counts. */
struct args {
    const struct verb *verb;
    char **operand;
    int count;
    const char *value[ARGS_MAX_OPTIONS]; /* NULL: not given; "" for a flag */
    const char **each;                   /* values of the option verb->many, in their order */
    int each_count;
};

struct cli {
    const char *dir; /* -d; NULL: not given */
    bool json, quiet, verbose;
    bool in_shell;
    bool shell_done; /* `exit` was said */
    int wait_ms;     /* for the writer's turn, as aer_options.busy_ms */
    const struct verb *verb;
    aer_db *db;   /* open database, or NULL */
    char *db_dir; /* where it is; ours */
    bool db_writable;
    bool db_open;         /* aer_open gave AER_OK */
    char *shell_dir;      /* the directory `init` or `use` chose in a shell; ours */
    const char *about;    /* the path that a hint about room and permission is to name; NULL: the database */
    const char *table;    /* that a hint about a table is to name; NULL: none */
    char last_hint[1024]; /* of this verb: the same hint is not said twice */
    int out_error;        /* errno of the first failed write to standard output */
};

/* ---- verbs.c and help.c ---- */

extern const struct verb *const cli_verbs[]; /* ends with NULL */
extern const struct cli_option cli_globals[];
const struct verb *cli_verb_find(const struct cli *cli, const char *name); /* NULL: no such verb here */
bool cli_verb_is_here(const struct cli *cli, const struct verb *verb);     /* a shell knows others than a command */
int cli_verb_unknown(struct cli *cli, const char *name);                   /* says so, with the nearest verb */
/* NULL: nothing is near; name(arg, i) ends with NULL. */
const char *cli_nearest(const char *word, const char *(*name)(const void *arg, int i), const void *arg);
void help_overview(FILE *out, const struct cli *cli);
void help_verb(FILE *out, const struct cli *cli, const struct verb *verb);
int help_answer(struct cli *cli, const struct verb *verb); /* to standard output, as text or JSON; verb NULL: the overview */
void help_man(FILE *out);
int completion_write(FILE *out, const char *shell); /* non-zero: no such shell */

/* Run one verb with its words (argv[0] is the verb). Flushes standard output. */
int cli_run(struct cli *cli, const struct verb *verb, int argc, char **argv);

/* ---- args.c ---- */

enum { ARGS_OK = -1, ARGS_DONE = 0 }; /* anything else is an exit code */

/* Global options before the verb; *next is the index of the verb. ARGS_OK, ARGS_DONE (help was shown) or an exit code. */
int args_globals(struct cli *cli, int argc, char **argv, int *next);
/* The rest of the line. ARGS_OK: release with args_release. */
int args_parse(struct cli *cli, const struct verb *verb, int argc, char **argv, struct args *args);
void args_release(struct args *args);

/* Each of these gives 0, or an exit code after it has said what is wrong with NAME's TEXT. */
int args_number(struct cli *cli, const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *number);
int args_size(struct cli *cli, const char *name, const char *text, uint64_t *size, bool *has_unit);
int args_wait(struct cli *cli, const char *name, const char *text, uint64_t *ms);
/* 10m, 2h, 7d from now, or @SECONDS since 1970; *when in milliseconds since 1970. */
int args_when(struct cli *cli, const char *name, const char *text, int64_t *when);

/* ---- output.c ---- */

/* Say a failure: "aerials: MESSAGE", then "hint: HINT" unless HINT is NULL; with --json one object on
 * standard output instead. CODE is a stable word for programs. Returns exit_code. */
int cli_fail(struct cli *cli, int exit_code, const char *code, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The same with members of EXTRA added to the JSON object; takes EXTRA. */
int cli_fail_with(struct cli *cli, json_t *extra, int exit_code, const char *code, const char *hint, const char *format,
                  ...) __attribute__((format(printf, 6, 7)));
int cli_usage(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_no_memory(struct cli *cli);
/* A failure of the library: "WHAT: aer_errmsg". */
int cli_fail_db(struct cli *cli, int rc, const char *what, ...) __attribute__((format(printf, 3, 4)));
/* The library's own sentence, WHY, which says already what failed. */
int cli_fail_rc(struct cli *cli, int rc, const char *why);
/* A failure of src/port/. */
int cli_fail_port(struct cli *cli, const struct port_error *error, const char *what, ...)
    __attribute__((format(printf, 3, 4)));
/* The system refused: "WHAT: strerror(errno)". */
int cli_fail_os(struct cli *cli, const char *what, ...) __attribute__((format(printf, 2, 3)));
#if defined(__clang_analyzer__) && !defined(CLI_OUTPUT_C)
/* For the static analyzer: these never answer 0. */
#define cli_usage(...) (cli_usage(__VA_ARGS__), EXIT_USAGE)
#define cli_no_memory(cli) (cli_no_memory(cli), EXIT_SYSTEM)
#endif
/* A plain no: quiet with -q. Returns EXIT_NO. */
int cli_no(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_exit_code(int rc); /* of an AER_ code */
/* A remark on standard error, never with -q or --json. */
void cli_say(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes, text, one JSON row to standard output. Non-zero: it failed, stop; cli_flush will say why. */
int cli_out(struct cli *cli, const void *data, size_t size);
int cli_outf(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_row(struct cli *cli, json_t *row);        /* takes row */
int cli_json_ok(struct cli *cli, json_t *object); /* adds schema and ok; takes object (NULL: none). Returns EXIT_YES */
json_t *cli_text_json(const char *text);          /* of a path or message: what is not UTF-8 becomes \\x.. */
int cli_flush(struct cli *cli, int exit_code);    /* EXIT_SYSTEM or EXIT_PIPE if output was lost, else exit_code */

char *cli_quote(const char *word); /* for a hint: quoted for sh if need be; free() */
/* In a shell ^C sets this, and long work looks at it; outside one ^C ends the process. */
bool cli_stopped(void);
void cli_stop_clear(void);
void cli_stop_catch(void);
void cli_size_text(char *text, size_t capacity, uint64_t size); /* 12.3 MiB */

/* ---- db.c ---- */

enum { CLI_READ, CLI_WRITE };
const char *cli_dir(struct cli *cli);          /* -d, the shell's, $AERIALS_DB, "."; NULL: none */
int cli_open(struct cli *cli, int mode);       /* 0, or an exit code; cli->db is open */
int cli_close(struct cli *cli, int exit_code); /* keeps it open in a shell; the exit code, or its own failure */
void cli_drop(struct cli *cli);                /* closes, in a shell too */
int cli_stdin(struct cli *cli); /* may a value be read from standard input? 0, or an exit code: a script is there */

/* ---- keys.c ---- */

/* The operand as a key, from base64 if BASE64. *owned is to be freed. 0, or an exit code. */
int key_operand(struct cli *cli, const char *text, bool base64, aer_slice *key, void **owned);
/* For people: control bytes and what is not UTF-8 as \n, \x1b; cut at some length. In one of four static buffers. */
const char *key_text(aer_slice key);
/* To standard output: escaped on a terminal, raw elsewhere; then END. */
int key_print(struct cli *cli, aer_slice key, char end);
json_t *key_json(aer_slice key); /* {"key":...} or {"key64":...} */

/* ---- glob.c ---- */

struct glob {
    bool plain; /* no * or ?: the head is a prefix */
    bool exact; /* the caller wants the head to be the whole key */
    char *head; /* literal bytes before the first wildcard; ours */
    size_t head_size;
    const char *rest; /* the pattern from the first wildcard on; borrowed */
    char *owned;      /* the pattern, if it is to be freed with the rest */
};
int glob_init(struct glob *glob, const char *pattern); /* non-zero: out of memory */
void glob_release(struct glob *glob);
bool glob_match(const struct glob *glob, aer_slice key); /* of a key that starts with the head */

/* ---- sub.c ---- */

/* Look at the operands of a verb that has subs, open the database, run the right one. */
int sub_run(struct cli *cli, const struct args *args);

/* ---- columns.c: COL:TYPE[:pk|:unique|:notnull|:default=V]... ---- */

extern const char *const column_types[];    /* by AER_STR ... AER_JSON; [0] is NULL */
extern const char *const column_storages[]; /* by AER_STORAGE_... */
struct columns {
    aer_column *column;
    size_t count;
    char **owned; /* two a column: its words, its default */
};
int columns_parse(struct cli *cli, char **words, int count, struct columns *columns); /* 0, or an exit code; release it in any case */
void columns_release(struct columns *columns);

/* ---- cmd_index.c: what `table show` prints, too ---- */

json_t *index_json(const aer_index_def *index);
int index_width(const aer_table_def *def); /* of the longest name */
int index_print(struct cli *cli, const aer_index_def *index, int width);

/* ---- cmd_update.c: what update and delete share ---- */

int where_take(struct cli *cli, const struct args *args, const char *where, bool all);
int where_answer(struct cli *cli, int rc, uint64_t count);

/* ---- rows.c: rows out of a descriptor or a text: JSON objects one behind the other, or an array of them ---- */

struct rows {
    int fd; /* -1: everything is in `data` */
    const char *data;
    size_t start, end;
    char *chunk;
    char *row;
    size_t size, capacity;
    uint64_t number;           /* of the row last returned, from 1 */
    uint64_t line;             /* on which it begins, from 1 */
    uint64_t now_line;         /* where we are */
    uint64_t array_line;       /* where the array began; 0: not in one */
    uint64_t read;             /* bytes taken from fd */
    bool after_element, ended; /* within an array; the row last returned cannot be right */
    const char *why;           /* of ROWS_BAD */
    char why_text[96];
};
enum { ROWS_ONE, ROWS_END, ROWS_BAD, ROWS_SYSTEM, ROWS_NOMEM, ROWS_STOPPED };
void rows_init(struct rows *rows, int fd, const char *text); /* text NULL: out of fd */
/* The text of the next row in rows->row and rows->size, until the next call. It may be no JSON: whoever parses it says why.
 * ROWS_BAD: rows->why; ROWS_SYSTEM: errno. */
int rows_next(struct rows *rows);
void rows_release(struct rows *rows);

/* ---- range.c: what ls, scan and bkeys share ---- */

enum { RANGE_FROM, RANGE_TO, RANGE_LIMIT, RANGE_REVERSE, RANGE_OPTIONS };
#define RANGE_OPTION_ROWS                                                                                         \
    [RANGE_FROM] = {"from", 0, "KEY", "start at KEY, included"}, [RANGE_TO] = {"to", 0, "KEY", "end before KEY"}, \
    [RANGE_LIMIT] = {"limit", 0, "N", "at most N keys"}, [RANGE_REVERSE] = {"reverse", 'r', NULL, "last key first"}

struct range {
    struct glob glob;
    aer_range bounds;
    uint64_t limit; /* UINT64_MAX: none */
    bool selective; /* something narrows it down */
};
int range_init(struct cli *cli, const struct args *args, struct range *range);
void range_release(struct range *range);
/* What is done with each key; non-zero stops, and is the result. */
typedef int range_fn(void *arg, aer_txn *txn, aer_cursor *cursor, aer_slice key, aer_slice value);
/* Call fn for each key within the range, in a read transaction of its own. */
int range_each(struct cli *cli, const struct range *range, range_fn *fn, void *arg);

/* ---- progress.c ---- */

struct progress {
    bool on;
    bool shown;
    const char *word;
    const char *noun; /* what is counted: "keys", unless set otherwise after progress_start */
    int64_t started_ms, drawn_ms;
};
void progress_start(struct progress *p, const struct cli *cli, const char *word);
/* total 0: unknown; bytes 0: nothing is said of them. Draws at most ten times a second. */
void progress_draw(struct progress *p, uint64_t entries, uint64_t bytes, uint64_t done, uint64_t total);
void progress_clear(struct progress *p); /* before any other line on standard error */

/* ---- cmd_import.c: what an import or export leaves out, told as it goes; `arg` of struct port_events ---- */

#define SKIPS_LISTED 1000 /* the most that a JSON answer lists; it counts all */

struct skips {
    struct cli *cli;
    struct progress progress;
    json_t *rows;
};
void skips_told(void *arg, aer_slice what, const char *why);
int skips_progress(void *arg, uint64_t entries, uint64_t bytes, uint64_t done, uint64_t total);

/* ---- shell_line.c: a line into words, as sh would, without expansion ---- */

struct shell_line {
    char *bytes; /* the words, each with its NUL */
    char **word; /* count of them, then NULL */
    int count;
};
/* 0; 1: a quote is not closed; -1: out of memory. */
int shell_line_split(struct shell_line *line, const char *text);
void shell_line_release(struct shell_line *line);

/* ---- map.c ---- */
int map_draw(struct cli *cli, const aer_stats *stats);

#endif
