/* test_damage.c -- a file is lost, cut, flipped or exchanged: what was in it fails by name, all else reads.
 *
 * The catalogue and the files being filled are not touched here, only sealed buckets.
 */
#include <aerials.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scene.h"
#include "testing.h"

#define KEYS 1000
#define FILES 64

struct victim {
    const char *path;
    char file[64];    /* the bucket that is damaged */
    bool is_in[KEYS]; /* the keys whose value it holds */
    unsigned count;
};

/* A database of ten buckets and more, and which keys one of them holds. */
static void set_scene(struct victim *v, unsigned which)
{
    char files[FILES][64];
    aer_location location;
    aer_db *db;
    size_t count;

    memset(v, 0, sizeof *v);
    v->path = scene_init(100, 0);
    db = scene_open(v->path, NULL);
    scene_fill(db, 0, KEYS, 1);
    /* Old versions, of which none may come back; fewer than would make compaction in the background worth it. */
    for (unsigned i = 0; i < KEYS; i += 5) scene_fill(db, i, i + 1, 2);
    CHECK_DB_OK(db, aer_seal(db));
    scene_close(db);
    count = scene_sealed(v->path, files, FILES);
    CHECK(count >= 5);
    memcpy(v->file, files[which % count], sizeof v->file);
    db = scene_open(v->path, NULL);
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        size_t key_size = scene_key(key, i);

        CHECK_DB_OK(db, aer_locate(db, key, key_size, &location));
        v->is_in[i] = !strcmp(location.path, v->file);
        v->count += v->is_in[i];
    }
    scene_close(db);
    CHECK(v->count > 0);
}

static unsigned version_of(unsigned i)
{
    return i % 5 == 0 ? 2 : 1;
}

/* AER_OK with the right value, or AER_CORRUPT with the file's name; anything else ends the test. */
static int get_right_or_corrupt(const struct victim *v, aer_db *db, unsigned i)
{
    char key[16], expected[400];
    size_t key_size = scene_key(key, i), size = 0;
    void *value = NULL;
    int rc = aer_get(db, key, key_size, &value, &size);

    if (rc == AER_OK) {
        CHECK_MEM(expected, scene_value(expected, i, version_of(i)), value, size);
    } else {
        CHECK_DB_RC(db, AER_CORRUPT, rc);
        CHECK(strstr(aer_errmsg(db), v->file));
        CHECK(!value && size == 0);
    }
    aer_free(value);
    return rc;
}

/* Exactly the bucket's keys fail, by get and by cursor. */
static void check_only_its_keys_fail(const struct victim *v)
{
    aer_db *db = scene_open(v->path, NULL);
    aer_cursor *cursor = NULL;
    aer_txn *txn = NULL;
    aer_slice key, value;

    for (unsigned i = 0; i < KEYS; i++) CHECK_INT(v->is_in[i] ? AER_CORRUPT : AER_OK, get_right_or_corrupt(v, db, i));
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_scan(txn, NULL, &cursor));
    for (unsigned i = 0; i < KEYS; i++) {
        char expected[16];
        int rc = aer_next(cursor, &key, &value);

        CHECK_DB_RC(db, v->is_in[i] ? AER_CORRUPT : AER_OK, rc);
        CHECK_MEM(expected, scene_key(expected, i), key.data, key.size);
        if (rc == AER_CORRUPT) CHECK(strstr(aer_errmsg(db), v->file));
    }
    CHECK_RC(AER_DONE, aer_next(cursor, &key, &value));
    aer_cursor_close(cursor);
    aer_rollback(txn);
    scene_close(db);
}

/* New versions of the lost keys read again, the loss of the others stays known. */
static void check_it_can_be_written_over(const struct victim *v)
{
    aer_db *db = scene_open(v->path, NULL);
    unsigned i = 0;
    char key[16];

    while (i < KEYS && !v->is_in[i]) i++;
    if (i < KEYS) CHECK_DB_OK(db, aer_put(db, key, scene_key(key, i), "new", 3));
    scene_key(key, i);
    if (i < KEYS) check_text(db, key, "new");
    for (unsigned k = i + 1; k < KEYS; k++)
        if (v->is_in[k]) CHECK_INT(AER_CORRUPT, get_right_or_corrupt(v, db, k));
    CHECK_DB_OK(db, aer_put(db, "another", 7, "key", 3));
    scene_close(db);
}

static void path_of(const struct victim *v, char name[PATH_SIZE + 80])
{
    snprintf(name, PATH_SIZE + 80, "%s/%s", v->path, v->file);
}

TEST(a_lost_bucket_costs_exactly_its_keys_and_is_named)
{
    char name[PATH_SIZE + 80];
    struct victim v;

    for (unsigned which = 0; which < 4; which++) {
        set_scene(&v, which);
        path_of(&v, name);
        CHECK_INT(0, unlink(name));
        check_only_its_keys_fail(&v);
        check_it_can_be_written_over(&v);
    }
}

TEST(a_bucket_lost_while_it_is_in_use_is_at_worst_noticed_later)
{
    char name[PATH_SIZE + 80];
    struct victim v;
    aer_db *db;

    set_scene(&v, 1);
    db = scene_open(v.path, NULL);
    for (unsigned i = 0; i < KEYS; i += 10) CHECK_INT(AER_OK, get_right_or_corrupt(&v, db, i));
    path_of(&v, name);
    CHECK_INT(0, unlink(name));
    for (unsigned i = 0; i < KEYS; i++) {
        int rc = get_right_or_corrupt(&v, db, i);

        CHECK(rc == AER_OK || v.is_in[i]);
    }
    scene_close(db);
}

TEST(an_emptied_or_cut_bucket_never_gives_a_wrong_value)
{
    struct victim v;
    unsigned char *data;
    size_t size;

    set_scene(&v, 2);
    data = scene_read(v.path, v.file, &size);
    scene_write(v.path, v.file, data, 0);
    check_only_its_keys_fail(&v);
    scene_write(v.path, v.file, data, 1);
    check_only_its_keys_fail(&v);
    for (size_t cut = 1; cut < size; cut += 3000 + size / 20) {
        aer_db *db;

        scene_write(v.path, v.file, data, size - cut);
        db = scene_open(v.path, NULL);
        for (unsigned i = 0; i < KEYS; i++) CHECK(get_right_or_corrupt(&v, db, i) == AER_OK || v.is_in[i]);
        scene_close(db);
    }
    scene_write(v.path, v.file, data, size);
    memset(v.is_in, 0, sizeof v.is_in);
    check_only_its_keys_fail(&v);
    free(data);
}

TEST(a_flipped_bit_never_gives_a_wrong_value)
{
    uint64_t random = test_seed();
    unsigned noticed = 0, flips = 160;
    struct victim v;
    unsigned char *data;
    size_t size;

    set_scene(&v, 3);
    data = scene_read(v.path, v.file, &size);
    for (unsigned n = 0; n < flips; n++) {
        size_t at = n < 100 ? n : test_random(&random) % size; /* all of the header, then anywhere */
        unsigned char bit = (unsigned char)(1u << test_random(&random) % 8);
        unsigned failed = 0;
        aer_db *db;

        data[at] ^= bit;
        scene_write(v.path, v.file, data, size);
        data[at] ^= bit;
        db = scene_open(v.path, NULL);
        for (unsigned i = 0; i < KEYS; i++) {
            int rc;

            if (!v.is_in[i] && i % 97) continue; /* of the others a few */
            rc = get_right_or_corrupt(&v, db, i);
            CHECK(rc == AER_OK || v.is_in[i]);
            failed += rc != AER_OK;
        }
        noticed += failed > 0;
        scene_close(db);
    }
    CHECK(noticed > 0);
    free(data);
}

TEST(zeroed_pages_never_give_a_wrong_value)
{
    struct victim v;
    unsigned char *data, *copy;
    size_t size;

    set_scene(&v, 1);
    data = scene_read(v.path, v.file, &size);
    copy = malloc(size);
    CHECK(copy);
    for (size_t page = 0; page + 4096 <= size; page += 4096) {
        aer_db *db;

        memcpy(copy, data, size);
        memset(copy + page, 0, 4096);
        scene_write(v.path, v.file, copy, size);
        db = scene_open(v.path, NULL);
        for (unsigned i = 0; i < KEYS; i++)
            if (v.is_in[i]) get_right_or_corrupt(&v, db, i);
        scene_close(db);
    }
    free(copy);
    free(data);
}

TEST(two_buckets_that_changed_places_are_both_noticed)
{
    char files[FILES][64];
    struct victim v, w;
    unsigned char *a, *b;
    size_t a_size, b_size;
    aer_location location;
    aer_db *db;

    set_scene(&v, 0);
    w = v;
    CHECK(scene_sealed(v.path, files, FILES) > 1);
    memcpy(w.file, files[1], sizeof w.file);
    db = scene_open(v.path, NULL);
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        size_t key_size = scene_key(key, i);

        CHECK_DB_OK(db, aer_locate(db, key, key_size, &location));
        w.is_in[i] = !strcmp(location.path, w.file);
    }
    scene_close(db);
    a = scene_read(v.path, v.file, &a_size);
    b = scene_read(w.path, w.file, &b_size);
    scene_write(v.path, v.file, b, b_size);
    scene_write(w.path, w.file, a, a_size);
    db = scene_open(v.path, NULL);
    for (unsigned i = 0; i < KEYS; i++)
        CHECK_INT(v.is_in[i] || w.is_in[i] ? AER_CORRUPT : AER_OK, get_right_or_corrupt(w.is_in[i] ? &w : &v, db, i));
    scene_close(db);
    free(a);
    free(b);
}

TEST(a_link_or_a_directory_in_place_of_a_bucket_is_not_followed)
{
    char name[PATH_SIZE + 80];
    struct victim v;

    set_scene(&v, 2);
    path_of(&v, name);
    scene_shell("mv '%s' '%s.real' && ln -s '%s.real' '%s'", name, v.path, v.path, name);
    check_only_its_keys_fail(&v);
    scene_shell("rm '%s' && mkdir '%s'", name, name);
    check_only_its_keys_fail(&v);
    scene_shell("rmdir '%s' && mkfifo '%s'", name, name);
    check_only_its_keys_fail(&v);
}

TEST(foreign_files_in_the_tree_are_left_alone)
{
    const char *path = scene_init(100, 0);
    aer_db *db = scene_open(path, NULL);

    scene_fill(db, 0, 500, 1);
    scene_close(db);
    scene_shell("cd '%s' && touch .DS_Store 'aerial.sq3 (conflicted copy)' bucketroot/.DS_Store && mkdir -p "
                "bucketroot/zz/empty "
                "bucketroot/00/11 && echo x > bucketroot/00/11/notes.txt && ln -s /etc bucketroot/link",
                path);
    db = scene_open(path, NULL);
    scene_check(db, 0, 500, 1);
    scene_fill(db, 0, 500, 2);
    CHECK_DB_OK(db, aer_compact(db, NULL, NULL));
    scene_check(db, 0, 500, 2);
    scene_close(db);
    scene_shell("cd '%s' && test -e .DS_Store && test -e bucketroot/00/11/notes.txt && test -L bucketroot/link", path);
}

TEST(a_row_that_says_it_is_the_last_of_impossibly_many_parts_is_damage)
{
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, NULL);

    scene_fill(db, 0, 10, 1);
    scene_close(db);
    scene_sql(path, "bucketroot/active-0.sq3", "UPDATE bucket SET part = -9223372036854775808 WHERE seq = 5");
    CHECK_RC(AER_CORRUPT, aer_open(path, NULL, &db));
    aer_close(db);
}
