/* test_learn.c -- what look-ups remember of the catalogue is true, also after others have changed it. */
#include "kv/store.h"

#include "scene.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>

#define KEYS 3000

static const char *name(char key[16], int i)
{
    snprintf(key, 16, "key%05d", i);
    return key;
}

static void put_all(struct kv *kv, const char *value, int from, int step)
{
    char key[16];

    for (int i = from; i < KEYS; i += step) CHECK_OK(put_text(kv, name(key, i), value));
    seal(kv);
}

static int hinted(struct kv *kv)
{
    char key[16];
    int count = 0;

    for (int i = 0; i < KEYS; i++) {
        name(key, i);
        count += aer__hints_get(&kv->hints, aer__hash(key, strlen(key))) != 0;
    }
    return count;
}

TEST(a_look_at_the_catalogue_learns_the_keys_behind)
{
    int dir = scratch_dir();
    struct kv *kv = scene_open_quiet(dir, 1000, 60000);
    char key[16];

    put_all(kv, "value", 0, 1);
    CHECK(hinted(kv) > KEYS * 9 / 10); /* a merge tells them all */
    scene_close(kv);
    kv = scene_open_quiet(dir, 1000, 60000);
    CHECK_INT(0, hinted(kv));
    for (int i = 0; i < 600; i++) check_text(kv, NULL, name(key, i * 1009 % KEYS), "value");
    CHECK(hinted(kv) > KEYS / 2);
    for (int i = 0; i < KEYS; i++) check_text(kv, NULL, name(key, i), "value");
    scene_close(kv);
}

TEST(what_another_handle_merged_is_seen_through_old_hints)
{
    int dir = scratch_dir();
    struct kv *a = scene_open_quiet(dir, 1000, 60000), *b = scene_open_quiet(dir, 1000, 60000);
    char key[16];

    put_all(a, "first", 0, 1);
    for (int i = 0; i < KEYS; i++) check_text(b, NULL, name(key, i), "first");
    put_all(a, "second", 0, 3);
    for (int i = 0; i < KEYS; i++) check_text(b, NULL, name(key, i), i % 3 ? "first" : "second");
    put_all(b, "third", 1, 3);
    for (int i = 0; i < KEYS; i++) {
        const char *value = i % 3 == 0 ? "second" : i % 3 == 1 ? "third" : "first";
        check_text(a, NULL, name(key, i), value);
        check_text(b, NULL, name(key, i), value);
    }
    for (int i = 0; i < KEYS; i += 2) CHECK_OK(del_text(b, name(key, i)));
    seal(b);
    for (int i = 0; i < KEYS; i += 2) check_text(a, NULL, name(key, i), NULL);
    scene_close(a);
    scene_close(b);
}
