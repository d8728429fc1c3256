/* port.h -- import and export: directory trees, tar, JSON lines, and databases of the AerialsDB script and of gertrude.
 *
 * For: the command line. Stands on include/aerials.h alone, as any program could; libarchive, jansson, msgpack-c (gertrude)
 * and sqlite3 (AerialsDB) do the formats.
 * Must not know: how the store keeps anything; terminals and exit codes.
 *
 * Promises
 *   1. An import commits in batches and may be interrupted anywhere; with `resume` a second run skips what is in. (gertrude: no
 *      resume; what is left of an interrupted import is said.)
 *   2. JSON lines and tar are refused whole, before anything is written, if any part of them is malformed: a file is read
 *      through once beforehand, a pipe goes in as one transaction (unless `batch` is given).
 *   3. An export reads one moment of the database, and writes nothing outside its destination whatever the keys
 *      say. Files are put in place whole, by rename, or not at all.
 *   4. Values of any size pass through in pieces of at most 8 MiB.
 */
#ifndef AER_PORT_H
#define AER_PORT_H

#include <aerials.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PORT_PIECE (8u << 20)    /* bytes; larger values are streamed */
#define PORT_GERTRUDE_BATCH 4000 /* rows a commit, or 8 MiB */

/* One failure: an AER_ code and its sentence. Zeros mean none. */
struct port_error {
    int code;
    char message[1024];
};

enum { PORT_FORMAT_GUESS, PORT_DIR, PORT_TAR, PORT_JSONL, PORT_AERIALSDB, PORT_GERTRUDE };
int aer__port_format(const char *name); /* PORT_..., or -1 */
int aer__port_guess(const char *path);  /* by what is there and by the name's ending; PORT_FORMAT_GUESS: cannot tell */

struct port_events {
    void *arg;
    /* One entry was left out; WHAT is a key or a path, any bytes. May be NULL. */
    void (*skipped)(void *arg, aer_slice what, const char *why);
    /* DONE of TOTAL bytes of the source (TOTAL 0: unknown); non-zero stops with AER_STOPPED. May be NULL. */
    int (*progress)(void *arg, uint64_t entries, uint64_t bytes, uint64_t done, uint64_t total);
};

struct port_import {
    const char *source;   /* a path, or "-" for standard input */
    int format;           /* not PORT_FORMAT_GUESS */
    aer_slice prefix;     /* put before every key */
    uint64_t batch;       /* entries a commit; 0: 1000 entries or 8 MiB */
    bool resume;          /* leave alone what is there already */
    const char *skip_bad; /* JSON lines: malformed lines go to this file, the rest is imported; or NULL */
    const char *table;    /* gertrude: this one alone; or NULL */
    int storage;          /* gertrude: AER_STORAGE_..., of the tables it makes */
    const char *db_dir;   /* where the database is, so as not to import it into itself */
    struct port_events events;
};

struct port_export {
    const char *dest; /* a path, or "-" for standard output */
    int format;       /* PORT_DIR, PORT_TAR, PORT_JSONL */
    aer_slice prefix; /* only keys that start with it; it is taken off them */
    struct port_events events;
};

struct port_counts {
    uint64_t inserted, replaced, ignored; /* import */
    uint64_t exported;                    /* export */
    uint64_t rejected;                    /* left out, each told to events.skipped */
    uint64_t damaged;                     /* of those: values that could not be read */
    uint64_t bytes;                       /* of values */
    uint64_t tables, indexes;             /* gertrude: made; indexes without those of pk and unique columns */
    bool one_transaction;                 /* the import was a single transaction */
};

int aer__port_import(aer_db *db, const struct port_import *job, struct port_counts *counts, struct port_error *error);
int aer__port_export(aer_db *db, const struct port_export *job, struct port_counts *counts, struct port_error *error);

/* ---- bytes for people ---- */

/* Control bytes as \n, \t, \x1b, and what is not UTF-8 likewise, into TO with CAPACITY bytes, a NUL behind them; returns how
 * many bytes it took. */
size_t aer__port_escape(const void *bytes, size_t size, char *to, size_t capacity);
#define PORT_NAME_SIZE 256
/* The same for a name in a message, cut if it is long. Returns text. */
const char *aer__port_name(const void *name, size_t size, char text[PORT_NAME_SIZE]);

/* ---- the JSON line of a key: also what scan prints and batch reads ---- */

bool aer__port_is_utf8(const void *data, size_t size);
/* How many bytes the UTF-8 character at DATA takes; 0 if there is none. */
size_t aer__port_utf8_length(const unsigned char *data, size_t size);
size_t aer__port_base64_size(size_t size);                        /* of the text, without a NUL */
void aer__port_base64(const void *data, size_t size, char *text); /* no NUL is added */
int aer__port_base64_decode(const char *text, size_t size, void **data, size_t *data_size); /* strict; AER_INVALID; free() */

/* object[NAME] = text if it is UTF-8, else object[NAME "64"] = base64. Non-zero: out of memory. */
int aer__port_set_bytes(json_t *object, const char *name, aer_slice bytes);
struct port_row {
    aer_slice key;
    aer_slice name;         /* what the line calls it */
    aer_slice value;        /* data NULL and size > 0: too large to be here */
    const aer_entry *entry; /* meta and expiry; may be NULL */
};
/* {"key","value","meta","expires"} with what there is; value may have NULL data: left out. entry may be NULL. NULL: out of memory. */
json_t *aer__port_row(aer_slice key, aer_slice value, const aer_entry *entry);

/* The row as one line. A value that is too large to be here is read through TXN, under the key, in pieces, as base64.
 * A write that fails is AER_IO, and ferror(out) tells it from a read that fails. */
int aer__port_row_write(FILE *out, aer_db *db, aer_txn *txn, const struct port_row *row, struct port_error *error);

enum { PORT_LINE_ROW, PORT_LINE_OP };

/* One line, taken apart. What it points at lives until aer__port_line_release. */
struct port_line {
    bool is_delete;
    aer_slice key, value;
    aer_attrs attrs;
    bool has_attrs;
    json_t *object;
    void *owned[3];
};
/* KIND PORT_LINE_ROW wants key and value, PORT_LINE_OP an "op" as well. AER_INVALID: error->message says what is wrong with the line. */
int aer__port_line_parse(const char *text, size_t size, int kind, struct port_line *line, struct port_error *error);
void aer__port_line_release(struct port_line *line);

/* Lines of any bytes, bounded in length; the newline is not part of them. Blank ones count, but do not come. */
struct port_lines {
    int fd;
    char *buffer;
    size_t start, end, capacity;
    uint64_t number; /* of the line last returned, from 1 */
    uint64_t read;   /* bytes taken from fd */
    bool at_end;
};
#define PORT_LINE_MAX (UINT64_C(1) << 30)
void aer__port_lines_init(struct port_lines *lines, int fd);
/* AER_OK, AER_DONE, AER_INVALID (too long), AER_IO, AER_NOMEM. The line lives until the next call. */
int aer__port_lines_next(struct port_lines *lines, char **line, size_t *size, struct port_error *error);
void aer__port_lines_release(struct port_lines *lines);

/* ---- a file put in place whole ---- */

/* A new file beside PATH takes the bytes, and a rename puts it there; anything that is not a regular file (a device, a FIFO) is
 * written directly. A process that dies in between leaves PATH as it was; aer__port_file_sweep, which may be called
 * from a signal handler, removes what is half written. */
struct port_file {
    int fd;
    char *path, *temporary; /* temporary NULL: written directly */
};
int aer__port_file_open(struct port_file *file, const char *path, struct port_error *error);
int aer__port_file_write(struct port_file *file, const void *data, size_t size, struct port_error *error);
int aer__port_file_commit(struct port_file *file, struct port_error *error);
void aer__port_file_abandon(struct port_file *file); /* after a commit: does nothing */
void aer__port_file_sweep(void);

int aer__port_write_all(int fd, const void *data, size_t size); /* non-zero: errno tells */

/* ---- what an import notes about a file, in meta ----
 *
 *   {"type":"file","mode":"0644","mtime":"1700000000.123456789"}     type: file, dir, symlink
 *
 * mode is octal, mtime is seconds since 1970 with nine decimals (a string, since a JSON number would round it).
 * The value of a symlink is its target; a directory's key ends with "/", its value is empty. Owners are not kept. */
struct port_meta {
    char type; /* 'f', 'd', 'l'; 0: not said */
    bool has_mode, has_mtime;
    unsigned mode; /* 07777 */
    int64_t mtime_sec;
    long mtime_nsec;
};
#define PORT_META_SIZE 96
size_t aer__port_meta_format(const struct port_meta *meta, char text[PORT_META_SIZE]);
/* NULL if the library takes TEXT as a key's meta, else why not. */
const char *aer__port_meta_refused(const char *text, size_t size);
/* Takes what it understands from any JSON; *extra tells whether there is more in it than that. */
void aer__port_meta_parse(const char *text, size_t size, struct port_meta *meta, bool *extra);

#endif
