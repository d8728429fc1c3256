/* test_nomem.c -- no memory at any one allocation, and at all from any one on: what was acknowledged is there, what was
 * not is not there or whole, no key that exists is said to be absent or damaged, nothing leaks, and once there is
 * memory again the same handle goes on.
 *
 * A scenario is a list of calls that goes on past those that fail. It is run with the 1st, 2nd, 3rd ... allocation failing,
 * on a fresh copy of one database, until it gets by without that allocation: all of the first few hundred, then in growing steps.
 */
#include "scene.h"
#include "starve.h"
#include "testing.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEYS 96
#define ROWS 12
#define SIZE 16384
#define LARGE 1000 /* versions from here on have a value in parts */
#define LARGE_SIZE 50000
#define FAR_STEP 6 /* behind the first points, one in so many of what is before it */
#if defined(__SANITIZE_ADDRESS__)
#define EVERY 40 /* so many points one by one; AERIALS_STARVE says otherwise */
#else
#define EVERY 90
#endif
#define FAR_FUTURE INT64_C(4000000000000)

/* What the database holds: of each key the version, 0 for absent. */
struct model {
    unsigned version[KEYS];
};

struct play {
    aer_db *db, *other;
    struct model now, maybe; /* maybe: if the commit in doubt has happened */
    bool doubt;
};

static char base[PATH_SIZE], path[PATH_SIZE + 8];
static struct model base_model;
static struct { /* what fails in this run, for messages */
    unsigned long n;
    bool on;
} point;

static size_t value_of(char *value, unsigned i, unsigned version)
{
    if (version < LARGE) return scene_value(value, i, version);
    for (size_t at = 0; at < LARGE_SIZE; at++) value[at] = (char)(at * 7 + at / 251 + i + version);
    return LARGE_SIZE;
}

/* ---- calls that may fail for want of memory, and for nothing else ---- */

static void expect(struct play *p, aer_db *db, const char *call, int rc, bool commits)
{
    const char *message = aer_errmsg(db);

    if (rc == AER_OK || rc == AER_DONE) return;
    CHECK(message && message[0]);
    if (rc == AER_UNKNOWN && (commits || p->doubt)) return;
    if (rc != AER_NOMEM) printf("allocation %lu %s: %s: %s\n", point.n, point.on ? "and on" : "", call, message);
    CHECK_INT(AER_NOMEM, rc);
}

#define TRY(p, call) try(p, (p)->db, #call, call)
static int try(struct play *p, aer_db *db, const char *call, int rc)
{
    expect(p, db, call, rc, false);
    return rc;
}

/* A commit that answered rc, and would lead to NEXT. */
static int settle_model(struct play *p, const char *call, int rc, const struct model *next)
{
    expect(p, p->db, call, rc, true);
    if (rc == AER_OK) p->now = *next;
    if (rc == AER_UNKNOWN && !p->doubt) {
        p->maybe = *next;
        p->doubt = true;
    }
    return rc;
}

static int put(struct play *p, unsigned i, unsigned version)
{
    static char value[LARGE_SIZE];
    struct model next = p->now;
    char key[16];
    size_t key_size = scene_key(key, i);

    next.version[i] = version;
    return settle_model(p, "aer_put", aer_put(p->db, key, key_size, value, value_of(value, i, version)), &next);
}

static int put_attrs(struct play *p, unsigned i, unsigned version)
{
    aer_attrs attrs = {.size = sizeof attrs, .meta = "{\"a\":[1,2]}", .meta_size = 11, .expires_ms = FAR_FUTURE};
    static char value[LARGE_SIZE];
    struct model next = p->now;
    char key[16];
    size_t key_size = scene_key(key, i);

    next.version[i] = version;
    return settle_model(p, "aer_put_attrs",
                        aer_put_attrs(p->db, key, key_size, value, value_of(value, i, version), &attrs), &next);
}

static int del(struct play *p, unsigned i)
{
    struct model next = p->now;
    char key[16];
    size_t key_size = scene_key(key, i);
    int rc = aer_del(p->db, key, key_size);

    if (rc == AER_NOTFOUND) CHECK(!p->now.version[i]);
    if (rc == AER_NOTFOUND) return rc;
    next.version[i] = 0;
    return settle_model(p, "aer_del", rc, &next);
}

/* Does the handle answer with what the model says, or with want of memory? */
static int get(struct play *p, aer_db *db, aer_txn *txn, const struct model *model, unsigned i)
{
    static char expected[LARGE_SIZE];
    void *value = NULL;
    size_t size = 0;
    char key[16];
    size_t key_size = scene_key(key, i);
    int rc = txn ? aer_txn_get(txn, key, key_size, &value, &size) : aer_get(db, key, key_size, &value, &size);

    if (rc == AER_NOTFOUND) {
        CHECK_INT(0, model->version[i]);
        return AER_OK;
    }
    expect(p, db, "aer_get", rc, false);
    if (rc == AER_OK) CHECK(model->version[i] > 0);
    if (rc == AER_OK) CHECK_MEM(expected, value_of(expected, i, model->version[i]), value, size);
    else CHECK(value == NULL && size == 0);
    aer_free(value);
    return rc;
}

/* All keys of [first, last) in order by a cursor; a call that failed is made once more. */
static int scan(struct play *p, aer_db *db, aer_txn *txn, const struct model *model, const aer_range *range,
                unsigned first, unsigned last)
{
    bool reverse = range && range->flags & AER_REVERSE, keys_only = range && range->flags & AER_KEYS_ONLY;
    static char expected[LARGE_SIZE];
    unsigned n = 0;
    aer_cursor *c;
    int rc = aer_scan(txn, range, &c);

    expect(p, db, "aer_scan", rc, false);
    if (rc) return rc;
    for (;;) {
        aer_slice key, value;
        char want[16];
        unsigned i;

        rc = aer_next(c, &key, &value);
        if (rc == AER_NOMEM) rc = aer_next(c, &key, &value);
        expect(p, db, "aer_next", rc, false);
        while (n < last - first && !model->version[reverse ? last - 1 - n : first + n]) n++;
        if (rc) break;
        CHECK(n < last - first);
        i = reverse ? last - 1 - n : first + n;
        CHECK_MEM(want, scene_key(want, i), key.data, key.size);
        if (!keys_only) CHECK_MEM(expected, value_of(expected, i, model->version[i]), value.data, value.size);
        n++;
    }
    if (rc == AER_DONE) CHECK_INT(last - first, n);
    aer_cursor_close(c);
    return rc == AER_DONE ? AER_OK : rc;
}

/* ---- with memory ---- */

static void open_path(aer_db **db, int sync)
{
    aer_options options = {.size = sizeof options, .sync = sync};

    *db = scene_open(path, &options);
}

static bool holds(aer_db *db, const struct model *model)
{
    for (unsigned i = 0; i < KEYS; i++) {
        static char expected[LARGE_SIZE], value[LARGE_SIZE];
        char key[16];
        size_t key_size = scene_key(key, i), size;
        int rc = aer_get_into(db, key, key_size, value, sizeof value, &size);

        if (rc != AER_NOTFOUND) CHECK_DB_OK(db, rc);
        if (model->version[i] ? rc == AER_NOTFOUND : rc == AER_OK) return false;
        if (rc == AER_NOTFOUND) continue;
        if (size != value_of(expected, i, model->version[i]) || memcmp(value, expected, size) != 0) return false;
    }
    return true;
}

static int read_row(void *arg, const aer_bucket_row *row)
{
    *(uint64_t *)arg += (uint64_t)(row->is_live && !row->is_delete && row->part <= 0);
    return 0;
}

struct ids {
    char at[64][17];
    size_t count;
};

static int take_id(void *arg, const aer_bucket *bucket)
{
    struct ids *ids = arg;

    CHECK(ids->count < 64);
    memcpy(ids->at[ids->count++], bucket->id, 17);
    return 0;
}

/* The handle shows the model in every way of looking. */
static void check_all(struct play *p, aer_db *db, const struct model *model)
{
    struct ids ids = {.count = 0};
    uint64_t keys = 0, live = 0;
    aer_stats stats;
    aer_txn *txn;

    CHECK(holds(db, model));
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_INT(AER_OK, scan(p, db, txn, model, NULL, 0, KEYS));
    aer_rollback(txn);
    for (unsigned i = 0; i < KEYS; i++) keys += model->version[i] != 0;
    CHECK_DB_OK(db, aer_status(db, &stats));
    CHECK_INT(keys, stats.keys);
    CHECK_DB_OK(db, aer_buckets(db, take_id, &ids));
    for (size_t i = 0; i < ids.count; i++) {
        int rc = aer_bucket_rows(db, ids.at[i], read_row, &live);

        if (rc != AER_NOTFOUND) { /* compacted since, and its rows seen elsewhere or not */
            CHECK_DB_OK(db, rc);
            continue;
        }
        ids.count = live = 0;
        CHECK_DB_OK(db, aer_buckets(db, take_id, &ids));
        i = (size_t)-1;
    }
    CHECK_INT(keys, live);
}

/* It still does what it is for. */
static void check_works(struct play *p)
{
    aer_txn *txn;

    CHECK_INT(AER_OK, put(p, 95, 7));
    CHECK_INT(AER_OK, put(p, 94, 7));
    CHECK_INT(AER_OK, del(p, 94));
    CHECK_DB_OK(p->db, aer_begin(p->db, AER_WRITE, &txn));
    CHECK_DB_OK(p->db, aer_txn_del(txn, "key000095", 9));
    CHECK_DB_OK(p->db, aer_commit(txn));
    p->now.version[95] = 0;
    CHECK(holds(p->db, &p->now));
}

/* ---- the database everything is tried on: merged, unmerged and active rows, dead ones, a value in parts ---- */

static void fill_batch(struct play *p, unsigned first, unsigned last, unsigned version)
{
    static char value[LARGE_SIZE];
    aer_txn *txn;

    CHECK_DB_OK(p->db, aer_begin(p->db, AER_WRITE, &txn));
    for (unsigned i = first; i < last; i++) {
        char key[16];
        size_t key_size = scene_key(key, i);

        CHECK_DB_OK(p->db, aer_txn_put(txn, key, key_size, value, value_of(value, i, version)));
        p->now.version[i] = version;
    }
    CHECK_DB_OK(p->db, aer_commit(txn));
}

static void fill_base(struct play *p)
{
    for (unsigned i = 0; i < 30; i += 6) fill_batch(p, i, i + 6, 1);
    fill_batch(p, 90, 91, LARGE);
    CHECK_INT(AER_OK, put_attrs(p, 91, 1));
    CHECK_DB_OK(p->db, aer_seal(p->db));
    fill_batch(p, 0, 3, 2);
    fill_batch(p, 12, 14, 2);
    CHECK_INT(AER_OK, del(p, 20));
    CHECK_DB_OK(p->db, aer_seal(p->db));
    /* Two and a half buckets: the third begins when the first is sealed, and nothing is merged before a table is full. */
    for (unsigned i = 30; i < 60; i += 6) fill_batch(p, i, i + 6, 1);
}

static void make_base(void *arg)
{
    struct play *p = arg;

    open_path(&p->db, AER_SYNC_NORMAL);
    fill_base(p); /* and dies without closing: a close would merge */
}

static void copy_model_of_base(void)
{
    for (unsigned i = 0; i < 60; i++) base_model.version[i] = i < 3 || i == 12 || i == 13 ? 2 : i == 20 ? 0 : 1;
    base_model.version[90] = LARGE;
    base_model.version[91] = 1;
}

static void set_up(void)
{
    struct play p = {0};

    starve_init();
    /* Thousands of small databases: memory is what is tried here, not the disk. */
    if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 0);
    snprintf(base, sizeof base, "%s", scene_init(ROWS, SIZE));
    snprintf(path, sizeof path, "%s", base);
    memset(&base_model, 0, sizeof base_model);
    copy_model_of_base();
    scene_child(make_base, &p);
    snprintf(path, sizeof path, "%s.try", base);
}

/* ---- copies of it ---- */

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(name);
}

static int copy_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
    char to[2 * PATH_SIZE];

    (void)ftw;
    snprintf(to, sizeof to, "%s%s", path, name + strlen(base));
    if (type == FTW_D) return mkdir(to, 0755);
    if (type == FTW_F) {
        size_t size;
        unsigned char *data = scene_read(base, name + strlen(base) + 1, &size);
        int fd = open(to, O_WRONLY | O_CREAT | O_EXCL, st->st_mode & 07777);

        CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
        free(data);
    }
    return 0;
}

/* Not a shell's: there are thousands. */
static void fresh_copy(void)
{
    if (access(path, F_OK) == 0) CHECK_INT(0, nftw(path, remove_one, 16, FTW_PHYS | FTW_DEPTH));
    CHECK_INT(0, nftw(base, copy_one, 16, FTW_PHYS));
}

/* ---- starving ---- */

struct scenario {
    void (*prepare)(struct play *p); /* with memory; NULL: the database is opened */
    void (*run)(struct play *p);     /* without */
    void (*look)(struct play *p);    /* with memory again; may be NULL */
};

/* One run; false: it needed fewer allocations. */
static bool run_once(const struct scenario *s, unsigned long n, bool on)
{
    long long bytes = starve_sqlite_bytes();
    struct play p = {.now = base_model};
    unsigned long asked;

    point.n = n;
    point.on = on;
    fresh_copy();
    if (s->prepare) s->prepare(&p);
    else open_path(&p.db, 0);
    starve_from(n, on);
    s->run(&p);
    asked = starve_end();
    if (p.db && !p.doubt) {
        check_all(&p, p.db, &p.now);
        if (s->look) s->look(&p);
        check_works(&p);
    }
    CHECK_OK(aer_close(p.other));
    CHECK_OK(aer_close(p.db));
    CHECK_INT(bytes, starve_sqlite_bytes());
    open_path(&p.db, AER_SYNC_OFF);
    if (p.doubt && holds(p.db, &p.maybe)) p.now = p.maybe;
    p.doubt = false;
    CHECK(holds(p.db, &p.now));
    if (n % 8 == 0) { /* what takes long */
        check_works(&p);
        CHECK_DB_OK(p.db, aer_seal(p.db));
        check_all(&p, p.db, &p.now);
    }
    CHECK_OK(aer_close(p.db));
    return asked >= n;
}

/* The next point. Where all later ones fail too, calls end soon, and neighbours are much alike. */
static unsigned long next_point(unsigned long n, bool on)
{
    const char *all = getenv("AERIALS_STARVE");
    unsigned long every = all ? strtoul(all, NULL, 10) : EVERY;

    if (n < every) return n + (on ? 8 : 1);
    return n + 1 + n / FAR_STEP;
}

static void starve(const struct scenario *s)
{
    for (int on = 0; on < 2; on++) {
        unsigned long n = 1;

        while (run_once(s, n, on)) n = next_point(n, on);
        CHECK(n > 100); /* else the hooks are not in */
    }
}

/* ---- scenarios ---- */

static void nothing(struct play *p)
{
    (void)p;
}

static void open_get_close(struct play *p)
{
    aer_db *db = NULL;
    int rc = aer_open(path, NULL, &db);

    expect(p, db, "aer_open", rc, false);
    for (unsigned i = 0; rc == AER_OK && i < KEYS; i += 7) (void)get(p, db, NULL, &p->now, i);
    if (rc == AER_OK) {
        rc = aer_close(db);
        CHECK(rc == AER_OK || rc == AER_NOMEM);
    } else {
        CHECK_OK(aer_close(db));
    }
}

TEST(open_and_get)
{
    set_up();
    starve(&(struct scenario){nothing, open_get_close, NULL});
}

static void put_and_del(struct play *p)
{
    (void)put(p, 60, 1);
    (void)put(p, 1, 3);
    (void)del(p, 30);
    (void)del(p, 5);
    (void)put_attrs(p, 61, 1);
    (void)get(p, p->db, NULL, &p->now, 1);
    for (unsigned i = 62; i < 72; i++) (void)put(p, i, 1);
    (void)TRY(p, aer_sync(p->db));
}

TEST(put_and_delete)
{
    set_up();
    starve(&(struct scenario){NULL, put_and_del, NULL});
}

/* Ten keys in one transaction, with a delete and reads in between. */
static void transaction(struct play *p)
{
    struct model next = p->now;
    aer_txn *txn;
    int rc = TRY(p, aer_begin(p->db, AER_WRITE, &txn));

    if (rc) return;
    for (unsigned i = 0; i < 10; i++) {
        static char value[LARGE_SIZE];
        unsigned k = 58 + i;
        char key[16];
        size_t key_size = scene_key(key, k);

        if (TRY(p, aer_txn_put(txn, key, key_size, value, value_of(value, k, 5))) == AER_OK) next.version[k] = 5;
        else rc = AER_NOMEM;
        if (rc == AER_OK) (void)get(p, p->db, txn, &next, 50 + i);
    }
    if (TRY(p, aer_txn_del(txn, "key000031", 9)) == AER_OK) next.version[31] = 0;
    else rc = AER_NOMEM;
    if (rc == AER_OK) (void)scan(p, p->db, txn, &next, NULL, 0, KEYS);
    /* A write that failed must show in the commit. */
    if (rc) CHECK_INT(rc, aer_commit(txn));
    else (void)settle_model(p, "aer_commit", aer_commit(txn), &next);
}

TEST(transaction_of_ten_keys)
{
    set_up();
    starve(&(struct scenario){NULL, transaction, NULL});
}

/* More than three buckets' worth in one. */
static void bulk(struct play *p)
{
    struct model next = p->now;
    aer_txn *txn;
    int rc = TRY(p, aer_begin(p->db, AER_WRITE, &txn));

    if (rc) return;
    for (unsigned i = 40; i < 85; i++) {
        static char value[LARGE_SIZE];
        char key[16];
        size_t key_size = scene_key(key, i);

        if (TRY(p, aer_txn_put(txn, key, key_size, value, value_of(value, i, 9))) == AER_OK) next.version[i] = 9;
        else rc = AER_NOMEM;
        if (rc == AER_OK && i % 9 == 0) (void)get(p, p->db, txn, &next, i - 4);
    }
    if (rc) CHECK_INT(rc, aer_commit(txn));
    else (void)settle_model(p, "aer_commit", aer_commit(txn), &next);
}

TEST(transaction_of_several_buckets)
{
    set_up();
    starve(&(struct scenario){NULL, bulk, NULL});
}

static void stream(struct play *p)
{
    static char value[LARGE_SIZE], piece[LARGE_SIZE];
    size_t size = value_of(value, 70, LARGE + 1), got = 0;
    struct model next = p->now;
    aer_attrs attrs = {.size = sizeof attrs, .meta = "{}", .meta_size = 2};
    uint64_t total = 0;
    aer_writer *w;
    aer_reader *r;
    aer_txn *txn;
    int rc = TRY(p, aer_begin(p->db, AER_WRITE, &txn));

    next.version[70] = LARGE + 1;
    if (rc == AER_OK) {
        rc = TRY(p, aer_writer_open(txn, "key000070", 9, &attrs, &w));
        if (rc == AER_OK) {
            for (size_t at = 0; rc == AER_OK && at < size; at += 7000)
                rc = TRY(p, aer_writer_write(w, value + at, AER_MIN(size - at, (size_t)7000)));
            if (rc) aer_writer_abandon(w);
            else rc = TRY(p, aer_writer_finish(w));
        }
        if (rc) CHECK_INT(rc, aer_commit(txn));
        else (void)settle_model(p, "aer_commit", aer_commit(txn), &next);
    }
    (void)put(p, 71, LARGE + 2);
    (void)get(p, p->db, NULL, &p->now, 71);
    if (TRY(p, aer_begin(p->db, AER_READ, &txn))) return;
    rc = TRY(p, aer_reader_open(txn, "key000090", 9, &r, &total));
    if (rc == AER_OK) {
        CHECK_INT(LARGE_SIZE, total);
        value_of(value, 90, LARGE);
        for (uint64_t at = 0; at < total && rc == AER_OK; at += got) {
            rc = TRY(p, aer_reader_read(r, at, piece, 9000, &got));
            if (rc) rc = TRY(p, aer_reader_read(r, at, piece, 9000, &got));
            if (rc) break;
            CHECK(got > 0);
            CHECK_MEM(value + at, got, piece, got);
        }
        aer_reader_close(r);
    }
    aer_rollback(txn);
}

TEST(values_in_parts)
{
    set_up();
    starve(&(struct scenario){NULL, stream, NULL});
}

static void scans(struct play *p)
{
    aer_range reverse = {.size = sizeof reverse, .flags = AER_REVERSE},
              keys = {.size = sizeof keys, .flags = AER_KEYS_ONLY, .prefix = {"key00003", 8}},
              part = {.size = sizeof part, .flags = AER_REVERSE, .from = {"key000015", 9}, .to = {"key000050", 9}};
    aer_txn *txn;

    if (TRY(p, aer_begin(p->db, AER_READ, &txn))) return;
    (void)scan(p, p->db, txn, &p->now, NULL, 0, KEYS);
    (void)scan(p, p->db, txn, &p->now, &reverse, 0, KEYS);
    (void)scan(p, p->db, txn, &p->now, &keys, 30, 40);
    (void)scan(p, p->db, txn, &p->now, &part, 15, 50);
    aer_rollback(txn);
}

TEST(ranges)
{
    set_up();
    starve(&(struct scenario){NULL, scans, NULL});
}

/* What a snapshot sees stays, while all of it is written anew, sealed and compacted. */
static void snapshot(struct play *p)
{
    struct model then = p->now;
    aer_entry entry;
    aer_txn *txn;
    int rc;

    if (TRY(p, aer_begin(p->db, AER_READ, &txn))) return;
    (void)put(p, 1, 8);
    (void)put(p, 31, 8);
    (void)del(p, 2);
    (void)try(p, p->db, "aer_seal", aer_seal(p->db) == AER_UNKNOWN ? AER_NOMEM : AER_OK);
    for (unsigned i = 0; i < 4; i++) (void)get(p, p->db, txn, &then, i);
    (void)get(p, p->db, txn, &then, 31);
    rc = aer_txn_stat(txn, "key000091", 9, &entry);
    expect(p, p->db, "aer_txn_stat", rc, false);
    if (rc == AER_OK) CHECK(entry.expires_ms == FAR_FUTURE && entry.meta_size == 11 && entry.meta[10] == '}');
    (void)scan(p, p->db, txn, &then, NULL, 0, KEYS);
    aer_rollback(txn);
}

TEST(snapshots)
{
    set_up();
    starve(&(struct scenario){NULL, snapshot, NULL});
}

/* Of sealing, merging and compacting AER_UNKNOWN means that the catalogue's commit is in doubt: nothing of the model is. */
static void upkeep_call(struct play *p, const char *call, int rc)
{
    if (rc != AER_UNKNOWN) expect(p, p->db, call, rc, false);
}

static void seal(struct play *p)
{
    (void)put(p, 3, 4);
    upkeep_call(p, "aer_seal", aer_seal(p->db));
    (void)get(p, p->db, NULL, &p->now, 3);
    upkeep_call(p, "aer_seal", aer_seal(p->db));
}

TEST(seal_and_merge)
{
    set_up();
    starve(&(struct scenario){NULL, seal, NULL});
}

static void compact(struct play *p)
{
    aer_compact_options options = {.size = sizeof options, .flags = AER_COMPACT_DRY_RUN};
    aer_compact_result result;

    upkeep_call(p, "aer_compact", aer_compact(p->db, &options, &result));
    options.flags = 0;
    upkeep_call(p, "aer_compact", aer_compact(p->db, &options, &result));
    (void)get(p, p->db, NULL, &p->now, 3);
}

TEST(compaction)
{
    set_up();
    starve(&(struct scenario){NULL, compact, NULL});
}

static void compact_by_key(struct play *p)
{
    aer_compact_options options = {.size = sizeof options, .flags = AER_COMPACT_BY_KEY};
    aer_compact_result result;
    int rc = aer_compact(p->db, &options, &result);

    /* It commits slices of its own, which change no key. */
    if (rc == AER_UNKNOWN) {
        p->doubt = true;
        p->maybe = p->now;
    }
    upkeep_call(p, "aer_compact", rc);
}

TEST(compaction_by_key)
{
    set_up();
    starve(&(struct scenario){NULL, compact_by_key, NULL});
}

static int ignore_row(void *arg, const aer_bucket_row *row)
{
    (void)arg;
    (void)row;
    return 0;
}

static void looks(struct play *p)
{
    struct ids ids = {.count = 0};
    aer_location where;
    aer_stats stats;
    int rc;

    if (TRY(p, aer_status(p->db, &stats)) == AER_OK) CHECK_INT(60 - 1 + 2, stats.keys);
    (void)TRY(p, aer_buckets(p->db, take_id, &ids));
    for (size_t i = 0; i < ids.count; i++) {
        rc = aer_bucket_rows(p->db, ids.at[i], ignore_row, NULL);
        if (rc != AER_NOTFOUND) expect(p, p->db, "aer_bucket_rows", rc, false); /* else compacted since */
    }
    for (unsigned i = 0; i < 60; i += 11) {
        char key[16];
        size_t key_size = scene_key(key, i);

        rc = aer_locate(p->db, key, key_size, &where);
        expect(p, p->db, "aer_locate", rc, false);
        if (rc == AER_OK) CHECK(where.id[0] && where.path[0]);
    }
}

TEST(status_and_places)
{
    set_up();
    starve(&(struct scenario){NULL, looks, NULL});
}

static void check_config(struct play *p)
{
    char *rows = NULL;

    CHECK_DB_OK(p->db, aer_config_get(p->db, "bucket_max_rows", &rows));
    CHECK(strcmp(rows, "12") == 0 || strcmp(rows, "13") == 0);
    aer_free(rows);
    /* A name we do not know survives. */
    scene_shell("grep -q '\"future\": 1' '%s/gertrude.conf'", path);
}

static void open_with_future(struct play *p)
{
    scene_shell("sed -i 's/^{/{ \"future\": 1,/' '%s/gertrude.conf'", path);
    open_path(&p->db, 0);
}

static void config(struct play *p)
{
    char *value = NULL;

    (void)TRY(p, aer_config_set(p->db, "bucket_max_rows", "13"));
    if (TRY(p, aer_config_get(p->db, "sync", &value)) == AER_OK) CHECK_STR("normal", value);
    aer_free(value);
    if (TRY(p, aer_config_set(p->db, "comment", "gr\xc3\xbc\xc3\x9f")) == AER_OK) {
        if (TRY(p, aer_config_get(p->db, "comment", &value)) == AER_OK) {
            CHECK_STR("gr\xc3\xbc\xc3\x9f", value);
            aer_free(value);
        }
    }
}

TEST(settings)
{
    set_up();
    starve(&(struct scenario){open_with_future, config, check_config});
}

/* Another handle wrote, sealed, merged and compacted; this one learns of it without memory. */
static void change_beside(struct play *p)
{
    struct play other = {.now = p->now};

    open_path(&p->db, 0);
    check_all(p, p->db, &p->now);
    open_path(&other.db, 0);
    fill_batch(&other, 0, 10, 6);
    fill_batch(&other, 60, 80, 6);
    CHECK_INT(AER_OK, del(&other, 40));
    CHECK_DB_OK(other.db, aer_seal(other.db));
    CHECK_DB_OK(other.db, aer_compact(other.db, &(aer_compact_options){.size = sizeof(aer_compact_options)}, NULL));
    fill_batch(&other, 8, 16, 7);
    p->other = other.db;
    p->now = other.now;
}

static void follow(struct play *p)
{
    for (unsigned i = 0; i < KEYS; i++) (void)get(p, p->db, NULL, &p->now, i);
    (void)put(p, 41, 9);
    for (unsigned i = 0; i < KEYS; i++) (void)get(p, p->db, NULL, &p->now, i);
}

TEST(what_another_handle_did)
{
    set_up();
    starve(&(struct scenario){change_beside, follow, NULL});
}

/* Enough to keep the background busy: seals, and a merge now and then. */
static void many(struct play *p)
{
    for (unsigned i = 0; i < 50; i++) {
        (void)put(p, i, 20 + i);
        if (i % 10 == 0) (void)get(p, p->db, NULL, &p->now, i);
    }
}

TEST(background)
{
    set_up();
    starve(&(struct scenario){NULL, many, NULL});
}

TEST(init)
{
    char message[300];
    int rc = AER_NOMEM;

    starve_init();
    snprintf(path, sizeof path, "%s", scene_path());
    for (int on = 0; on < 2; on++) {
        unsigned long n = 1;

        for (;; n = next_point(n, on)) {
            aer_options options = {.size = sizeof options, .comment = "a comment"};

            starve_from(n, on);
            rc = aer_init_msg(path, &options, message, sizeof message);
            if (starve_end() < n) break;
            if (rc == AER_OK) { /* what failed was only for speed */
                aer_db *db;
                open_path(&db, 0);
                CHECK_OK(aer_close(db));
                scene_shell("rm -r '%s'", path);
                continue;
            }
            if (rc != AER_NOMEM) printf("allocation %lu: %s\n", n, message);
            CHECK_INT(AER_NOMEM, rc);
            CHECK(message[0]);
            CHECK(access(path, F_OK) != 0);
        }
        CHECK_INT(AER_OK, rc);
        CHECK(n > 100);
        scene_shell("rm -r '%s'", path);
    }
}
