/* internal.h -- what the files of src/files share, and nobody else. */
#ifndef AER_FILES_INTERNAL_H
#define AER_FILES_INTERNAL_H

#include "files/files.h"
#include "layout/layout.h"

#include <pthread.h>

struct change {
    uint64_t hash; /* of path */
    uint32_t table;
    bool record;    /* of a gdbm file */
    bool removed;   /* there is no such text any more */
    bool fresh;     /* nothing is at its path yet */
    bool cancelled; /* made and removed in one transaction */
    bool known;     /* replay: what is on disk is one of the texts it had, or torn from one */
    unsigned char *data;
    size_t size;
    uint64_t sum;
    int64_t mtime_ns;
    const char *name; /* within path, below the table's directory */
    char path[];      /* "tables/people/..." */
};

/* By path, and in the order they came. */
struct changes {
    struct change **at;
    size_t count, capacity, cancelled;
    struct change **slots; /* open addressing; a power of two */
    size_t slot_count;
    uint64_t bytes;
    bool sorted; /* at is in the order of paths */
};

struct files {
    int dir;
    struct kv *kv;
    pthread_mutex_t commit_lock; /* a commit being written and applied, or a checkpoint */
    pthread_mutex_t lock;        /* unapplied and what belongs to it */
    struct changes *unapplied;   /* of the journal: what is not at its place. NULL: nothing */
    uint64_t unapplied_version;
    uint64_t bytes; /* this handle's commits since the last checkpoint, records not counted */
    bool dirty;
    int64_t committed_ms; /* the last one, monotonic */
    struct records *records;
};

/* changes.c */
/* Is this text of a table a record? All but the definition are, in a table of kind gdbm. */
bool aer__is_record(const struct place *place, const char *name);
struct change *aer__changes_find(const struct changes *c, const char *path);
/* The change at PATH, made if there is none; NULL: out of memory. */
struct change *aer__changes_at(struct changes *c, uint32_t table, bool record, const char *path);
void aer__changes_sort(struct changes *c);
void aer__changes_cancel(struct changes *c, struct change *change);

/* apply.c */
/* Bring changes to their places. replay: after a crash, looking first; what is not ours goes to quarantine/. */
int aer__apply(struct files *f, struct changes *c, bool replay, struct err *err);
int aer__apply_drop(struct files *f, const char *path, struct err *err);
int aer__apply_rename(struct files *f, const char *from, const char *to, struct err *err);

/* replay.c */
/* Read the journal behind AFTER: changes for files (records: for records of gdbm files), the last of each path. */
bool aer__replay_is_torn(const struct buf *found, const void *data, size_t size);
int aer__replay_load(struct files *f, int64_t after, bool records, struct changes **c, int64_t *last, struct err *err);
/* The same bit by bit, for aer__kv_read_catalog: what is behind `last`, which goes on, into c. */
struct replay {
    struct files *f;
    struct changes *c;
    bool records;
    int64_t last;
    int (*seen)(void *arg, const struct catalog_op *op, struct err *err); /* each entry; may be NULL */
    void *arg;
    struct err *err;
};
int aer__replay_read(void *replay, struct catalog *c, struct err *err);

/* read.c */
int aer__files_take(const struct change *change, struct buf *to, uint64_t *sum, struct err *err);

#endif
