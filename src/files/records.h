/* records.h -- texts of tables of kind gdbm: records of tables/NAME/data.gdbm and tables/NAME/index.gdbm.
 *
 *   data/X1/23/M3IJW129QDEV2APF      is the record "X123M3IJW129QDEV2APF" of data.gdbm
 *   index/by_name/4F/leaf            is the record "by_name/4F/leaf" of index.gdbm
 *
 * A record's value is the text, then 16 hex digits of its XXH3-64 and a newline: gdbm has no checksums.
 *
 * data.gdbm has one more record, "count": how many others there are.
 *
 * A gdbm file that is killed in the middle of a write is lost, so none is ever written in place. A commit puts its records into the journal of
 * aerial.sq3, and there they stay; every handle keeps those of the journal in memory, and looks there first. A checkpoint brings them into a copy of the
 * file, which takes the place of the old one, and then takes them out of the journal:
 *
 *   copy, its whole checksum compared with `files`    damage is not copied on
 *   stores and erasures, synced
 *   `files`: "data.gdbm.next" is the copy             on disk; until here all can be forgotten
 *   rename
 *   `files`: "data.gdbm" is the copy; records away    one transaction, with which the epoch of records advances
 *
 * So a file is one of the two that `files` names, and the journal may hold records that the file has already. Readers take the journal
 * first and the file afterwards: it may be newer than the journal they took, never older, and what is newer in it they have, too.
 *
 * Keys of a gdbm file have no order. Whoever lists them gathers all (21 bytes a row) and sorts them, once a handle and version of the file.
 *
 * "There is no such record" is believed of a file only after its whole checksum was verified: a flipped bit in gdbm's own tables loses records
 * without a trace.
 */
#ifndef AER_FILES_RECORDS_H
#define AER_FILES_RECORDS_H

#include "files/internal.h"
#include "gdbm/module.h"

/* ---- records.c ---- */

int aer__records_open(struct files *f, struct err *err);
void aer__records_close(struct files *f);
/* Committed texts, for read.c. The caller has entered, or has the turn. */
int aer__records_read(struct files *f, const struct place *place, const char *name, struct buf *to, uint64_t *sum,
                      struct err *err);
int aer__records_sum(struct files *f, const struct place *place, const char *name, uint64_t *sum, struct err *err);
int aer__records_list(struct files *f, const struct changes *own, const struct place *place, const char *after,
                      const char *end, size_t limit, int (*fn)(void *arg, const char *name), void *arg, struct err *err);

/* Of the journal, by table. */
struct waiting {
    char table[LAYOUT_NAME_MAX + 1];
    uint64_t bytes;
};

#define RECORD_FILES 32 /* open at once, in a handle */

struct records {
    pthread_mutex_t lock;
    void *library; /* of the module */
    const struct gdbm_module *module;
    bool loaded;
    uint64_t version, epoch; /* that `journal` is of */
    int64_t last;            /* it has all entries up to this one */
    struct changes *journal;
    struct waiting *waiting;
    size_t waiting_count;
    struct record_file *files[RECORD_FILES];
    uint64_t uses;
    bool committed;   /* by this handle: it looks after checkpoints */
    int64_t retry_ms; /* the last checkpoint failed: none before then */
};

/* With the lock: bring journal up to what is committed. anew: though the version is the same, for checkpoints do not change it. */
int aer__records_follow(struct files *f, bool anew, struct err *err);
/* With the lock: it begins anew at the next look. */
void aer__records_forget(struct files *f);

/* ---- record_module.c ---- */

/* With the lock. Open libaerials-gdbm.so, unless it is. */
int aer__records_load(struct files *f, struct err *err);
void aer__records_unload(struct files *f);
/* What the module answered, in our codes. AER_NOTFOUND without a message. */
int aer__records_result(const struct gdbm_module *module, int result, const char *verb, const char *path, struct err *err);

/* ---- record_file.c: one gdbm file, opened for reading and compared with `files` ---- */

struct record_file {
    uint32_t table;
    bool index;
    char path[LAYOUT_TABLE_PATH_SIZE];
    int fd;                   /* -1: there is no such file */
    void *gdbm;               /* NULL: likewise */
    struct catalog_file file; /* what it should be; name is not set */
    bool whole;               /* its checksum was verified */
    char *keys;               /* sorted, each in a field of its own */
    size_t key_size, key_count;
    bool listed;
    uint64_t used;
};

#define RECORD_KEY_SIZE 128
#define RECORD_COUNT "count" /* of data.gdbm; no row's id */
#define RECORD_NEXT ".next"  /* behind the name of a file in `files`: what a checkpoint is about to put there */

/* The key of text NAME; false: it has none, and no record. */
bool aer__record_key(char key[RECORD_KEY_SIZE], const char *name);
/* The text's name, from its key. */
void aer__record_name(char name[LAYOUT_FILE_SIZE], bool index, const char *key);

/* AER_CHANGED: the file is missing, or not what `files` says; *file is NULL then, else it wants to be closed. */
int aer__record_file_open(struct files *f, const struct place *place, bool index, struct record_file **file, struct err *err);
/* The same, whatever it is: `file` says what was found. */
int aer__record_file_open_any(struct files *f, const struct place *place, bool index, struct record_file **file,
                              struct err *err);
void aer__record_file_close(struct files *f, struct record_file *file);
/* Compare the whole checksum, unless that was done. */
int aer__record_file_check(struct record_file *file, struct err *err);
/* The text of a record with its checksum verified, appended; to NULL: only its sum. AER_NOTFOUND, no message. */
int aer__record_fetch(struct files *f, struct record_file *file, const char *name, struct buf *to, uint64_t *sum,
                      struct err *err);
/* Gather and sort the keys, unless that was done. */
int aer__record_keys(struct files *f, struct record_file *file, struct err *err);
/* TEXT as a record's value, into TO from its start. */
int aer__record_value(struct buf *to, const void *text, size_t size, uint64_t sum);

/* ---- record_checkpoint.c ---- */

enum records_when {
    RECORDS_NEVER, /* they stay in the journal */
    RECORDS_IDLE,  /* nobody has committed for a while */
    RECORDS_MANY,  /* between commits */
    RECORDS_CLOSE
};

/* Bring records into their files, of tables for which it is worth it now. With the turn and commit_lock. */
int aer__records_checkpoint(struct files *f, enum records_when when, struct err *err);
/* May it be? Quick, and true too often. */
bool aer__records_due(struct files *f, enum records_when when);

#endif
