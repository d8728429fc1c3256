/* handle.h -- the insides of the public handles, shared by the files of src/db only. */
#ifndef AER_DB_HANDLE_H
#define AER_DB_HANDLE_H

#include "kv/kv.h"

#include <pthread.h>
#include <stdatomic.h>

/* The settings in gertrude.conf. */
struct conf {
    uint64_t bucket_max_rows, bucket_max_size;
    int sync;
    char *comment; /* NULL: none */
};

struct aer_db {
    int dir;       /* -1: not open */
    struct kv *kv; /* NULL: aer_open failed */
    bool readonly;
    pthread_mutex_t conf_lock;
    struct conf conf;
    struct err open_err; /* why it is not open */
};

/* Opaque in aerials.h; each wraps what kv.h gives, and knows its handle for messages. */
struct aer_txn {
    aer_db *db;
    struct kv_txn *kv;
    struct buf hold; /* of aer_txn_stat */
    int children;    /* cursors, readers, writers that are open */
};

/* conf.c */
#define CONF_ROWS_DEFAULT UINT64_C(10000)
#define CONF_SIZE_DEFAULT (UINT64_C(16) << 20)
void aer__conf_release(struct conf *c);
int aer__conf_read(int dir, struct conf *c, struct err *err); /* AER_NODB, AER_NEWER, AER_CORRUPT with the byte */
int aer__conf_write(int dir, const struct conf *c, struct err *err);
int aer__conf_set(struct conf *c, const char *name, const char *value, struct err *err); /* AER_NOTFOUND, AER_INVALID */
int aer__conf_get(const struct conf *c, const char *name, char **value, struct err *err);
int aer__conf_check(const struct conf *c, struct err *err);

/* Keep err as this thread's last failure on db; gives back err->code (or AER_OK). */
int aer__db_result(aer_db *db, int rc, const struct err *err);
#endif
