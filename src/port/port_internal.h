/* port_internal.h -- what the files of src/port/ share, and nobody else sees. */
#ifndef AER_PORT_INTERNAL_H
#define AER_PORT_INTERNAL_H

#include "port/port.h"

#include <sys/types.h>

/* ---- error.c ---- */

/* Set code and sentence, unless one stands already. Returns error->code. */
int aer__port_fail(struct port_error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int aer__port_fail_os(struct port_error *error, const char *verb, const char *name); /* "cannot VERB 'NAME': strerror" */
int aer__port_fail_db(struct port_error *error, aer_db *db, int rc);                 /* the library's own sentence */
int aer__port_no_memory(struct port_error *error);
#if defined(__clang_analyzer__) && !defined(AER_PORT_ERROR_C)
/* For the static analyzer: none of these answers AER_OK. */
#define aer__port_fail(error, code, ...) (aer__port_fail((error), (code), __VA_ARGS__), (code))
#define aer__port_fail_os(error, verb, name) (aer__port_fail_os((error), (verb), (name)), AER_IO)
#define aer__port_fail_db(error, db, rc) (aer__port_fail_db((error), (db), (rc)) ? AER_IO : AER_IO)
#define aer__port_no_memory(error) (aer__port_no_memory(error), AER_NOMEM)
#endif
void aer__port_prefix(struct port_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- input.c: what an import reads from front to back ---- */

struct port_input {
    int fd;
    bool is_file;  /* else a pipe, which comes once */
    off_t start;   /* where it stood when it was opened */
    uint64_t size; /* bytes from there on; 0: not known */
};
int aer__port_input_open(struct port_input *input, const char *source, struct port_error *error); /* "-": standard input */
int aer__port_input_rewind(const struct port_input *input, struct port_error *error); /* a pipe: does nothing */
void aer__port_input_close(struct port_input *input);

/* ---- list.c ---- */

/* The names in the directory FD, sorted by their bytes; . and .. are none. FD stays open. AER_IO names no file; what was listed before is to be freed then, too. */
int aer__port_list(int fd, char ***names, size_t *count, struct port_error *error);
void aer__port_names_free(char **names, size_t count);

/* ---- sink.c: an import's way into the database, in batches ---- */

/* Piece by piece; *got 0 at the end. An AER_ code, error is set. */
typedef int (*port_read)(void *arg, void *buffer, size_t capacity, size_t *got, struct port_error *error);

struct sink {
    aer_db *db;
    const struct port_import *job;
    struct port_counts *counts;
    aer_txn *txn;                 /* NULL between batches */
    uint64_t rows, bytes;         /* in txn */
    struct port_counts committed; /* as the last commit left them */
    bool whole;                   /* one transaction, however large */
    bool read_failed;             /* the last aer__port_sink_put failed because its `read` did; nothing of it is left */
    unsigned char *key;           /* prefix and name */
    char *piece;                  /* PORT_PIECE bytes, for whoever reads a source */
};

struct sink_item {
    aer_slice name; /* without the prefix */
    aer_attrs attrs;
    aer_slice value; /* all of it, or the beginning; may lie in sink->piece */
    port_read read;  /* what follows, or NULL */
    void *read_arg;
};

int aer__port_sink_open(struct sink *sink, aer_db *db, const struct port_import *job, struct port_counts *counts,
                        struct port_error *error);
/* A transaction is open after it: sink->txn. */
int aer__port_sink_begin(struct sink *sink, struct port_error *error);
/* Store one item, counted as inserted or replaced. A value that is streamed gets a transaction of its own unless `whole`. */
int aer__port_sink_put(struct sink *sink, const struct sink_item *item, struct port_error *error);
/* resume: is NAME there with this size and the mtime and type of META? Then it counts as ignored, and *same is true. */
int aer__port_sink_same_file(struct sink *sink, aer_slice name, uint64_t size, const struct port_meta *meta, bool *same,
                             struct port_error *error);
/* resume: is NAME there with this very value and these attributes? */
int aer__port_sink_same_value(struct sink *sink, const struct sink_item *item, bool *same, struct port_error *error);
/* The item's value is that of FROM, which this import brought in. AER_NOTFOUND if it is not there, AER_INVALID if it is too large
 * for that within one transaction; error is not set then. */
int aer__port_sink_copy(struct sink *sink, aer_slice from, struct sink_item *item, const struct port_meta *meta,
                        struct port_error *error);
int aer__port_sink_commit(struct sink *sink, struct port_error *error);
void aer__port_sink_close(struct sink *sink); /* rolls back what was not committed */
void aer__port_skip(const struct port_events *events, struct port_counts *counts, aer_slice what, const char *why);
int aer__port_progress(const struct port_events *events, const struct port_counts *counts, uint64_t done,
                       uint64_t total, struct port_error *error);

/* ---- source.c: an export's way out of the database ---- */

struct port_reader {
    aer_reader *reader;
    aer_db *db;
    uint64_t size, offset;
};
int aer__port_reader_open(struct port_reader *reader, aer_db *db, aer_txn *txn, aer_slice key, struct port_error *error);
int aer__port_reader_read(struct port_reader *reader, void *buffer, size_t capacity, size_t *got, struct port_error *error);
void aer__port_reader_close(struct port_reader *reader);

struct source {
    aer_db *db;
    const struct port_export *job;
    struct port_counts *counts;
    aer_txn *txn;
    aer_cursor *cursor;
    uint64_t expected; /* keys, for progress; 0: not known */
};

/* One key as an export sees it. Lives until the next one. */
struct source_item {
    aer_slice key;   /* as stored */
    aer_slice name;  /* without the prefix */
    aer_slice value; /* data NULL and size > 0: to be read with a port_reader */
    aer_entry entry;
    struct port_meta meta;
    bool more_meta; /* there is more in meta than struct port_meta says */
};
int aer__port_source_open(struct source *source, aer_db *db, const struct port_export *job, struct port_counts *counts,
                          struct port_error *error);
int aer__port_source_next(struct source *source, struct source_item *item, struct port_error *error); /* AER_OK, AER_DONE, a failure */
void aer__port_source_close(struct source *source);
/* Takes one piece. An AER_ code, error is set. */
typedef int (*port_write)(void *arg, const void *data, size_t size, struct port_error *error);
/* The whole value of an item to a function, in pieces. */
int aer__port_source_value(struct source *source, const struct source_item *item, port_write write, void *arg,
                           struct port_error *error);
/* NULL if NAME is a path that stays below where it is put: no empty, "." or ".." component, no leading slash, no NUL; one trailing
 * slash is fine. Else why not. */
const char *aer__port_unsafe(aer_slice name);

/* ---- one file a format ---- */

int aer__port_import_dir(struct sink *sink, struct port_error *error);
int aer__port_import_tar(struct sink *sink, struct port_error *error);
int aer__port_import_jsonl(struct sink *sink, struct port_error *error);
int aer__port_import_aerialsdb(struct sink *sink, struct port_error *error);
int aer__port_import_gertrude(struct sink *sink, struct port_error *error);
bool aer__port_is_gertrude(const char *path); /* a directory that is a database of gertrude, as far as one can see from its gertrude.conf */
int aer__port_export_dir(struct source *source, struct port_error *error);
int aer__port_export_tar(struct source *source, struct port_error *error);
int aer__port_export_jsonl(struct source *source, struct port_error *error);

#endif
