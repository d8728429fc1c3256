/* scene.h -- a store in a scratch directory, for the parts of src/kv that need all of it. */
#ifndef TEST_KV_SCENE_H
#define TEST_KV_SCENE_H

#include "kv/store.h"

/* Made if it is not there. max_rows: of a bucket. Nothing is synced but where the library does it whatever the mode. */
struct kv *scene_open(int dir, uint64_t max_rows, int busy_ms);
/* The same without a background thread: what is due is done by who needs it, and nothing else. */
struct kv *scene_open_quiet(int dir, uint64_t max_rows, int busy_ms);
void scene_close(struct kv *kv);

int put_text(struct kv *kv, const char *key, const char *value);
int del_text(struct kv *kv, const char *key);
/* value NULL: there is none. txn NULL: the newest. */
void check_text(struct kv *kv, struct kv_txn *txn, const char *key, const char *value);

/* Seal all, merge all, compact what has this share of dead bytes. */
void seal(struct kv *kv);
aer_compact_result compact(struct kv *kv, int percent);

/* The list of buckets, active ones last; ranges follow each other without gap from 1 on, or the test fails. */
struct scene_buckets {
    aer_bucket at[64];
    size_t count, sealed;
};
struct scene_buckets scene_buckets(struct kv *kv);
/* Every sealed bucket counts as live what is the newest version of its key and nothing else. All must be merged. */
void check_live(struct kv *kv);
/* "put:k1 del:k2 ..." of the bucket's rows, in order; until the next call. */
const char *rows_of(struct kv *kv, const char *id);
/* Sealed bucket files on disk. */
unsigned bucket_files(int dir);

#endif
