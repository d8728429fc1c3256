/* check.c -- gets, stats, readers and cursors against the model; see check.h. */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testing.h"

void run_init(struct run *run, uint64_t seed, const char *prefix, size_t key_count)
{
    memset(run, 0, sizeof *run);
    model_init(&run->model, prefix);
    run->random = seed;
    if (key_count) model_add_keys(&run->model, key_count, &run->random);
    run->buffer = malloc(VALUE_SIZE_MAX);
    CHECK(run->buffer);
}

void run_release(struct run *run)
{
    model_release(&run->model);
    free(run->buffer);
    run->buffer = NULL;
}

uint64_t run_random(struct run *run, uint64_t below)
{
    return test_random(&run->random) % below;
}

const char *key_text(struct run *run, size_t key)
{
    const struct model_key *k = &run->model.keys[key];
    static _Thread_local unsigned turn;
    char *text = run->key_text[turn++ % 2];
    int used = snprintf(text, sizeof run->key_text[0], "#%zu of %zu bytes ", key, k->size);

    for (size_t i = k->size > 8 ? k->size - 8 : 0; i < k->size; i++)
        used += snprintf(text + used, sizeof run->key_text[0] - (size_t)used, "%02x", k->bytes[i]);
    return text;
}

void expect(struct run *run, aer_db *db, int expected, int actual, const char *call)
{
    if (actual != expected)
        history_fail(&run->history, "%s: expected code %d (%s), got %d (%s), message: %s", call, expected,
                     aer_strerror(expected), actual, aer_strerror(actual), aer_errmsg(db));
}

/* ---- one key ------------------------------------------------------------------------------ */

void check_get(struct run *run, const struct view *view, size_t key)
{
    const struct model_key *k = &run->model.keys[key];
    const struct value *value = model_get(&run->model, view->stamp, key);
    void *data = run;
    size_t size = 99;
    int rc;

    rc = view->txn ? aer_txn_get(view->txn, k->bytes, k->size, &data, &size)
                   : aer_get(view->db, k->bytes, k->size, &data, &size);
    expect(run, view->db, value ? AER_OK : AER_NOTFOUND, rc, "get");
    if (!value && (data || size)) history_fail(&run->history, "get: out-pointers not empty after AER_NOTFOUND");
    if (value && (!data || size != value->size || !value_equal(value, 0, data, size)))
        history_fail(&run->history, "get %s: wrong value, %zu bytes for %" PRIu64, key_text(run, key), size, value->size);
    aer_free(data);
}

void check_get_into(struct run *run, const struct view *view, size_t key)
{
    const struct model_key *k = &run->model.keys[key];
    const struct value *value = model_get(&run->model, view->stamp, key);
    size_t capacity = VALUE_SIZE_MAX, size = 99;
    int expected = value ? AER_OK : AER_NOTFOUND;
    int rc;

    /* Exactly enough, one too little, plenty. */
    if (value && value->size <= VALUE_SIZE_MAX && run_random(run, 2)) capacity = value->size;
    if (value && capacity == value->size && capacity > 0 && run_random(run, 4) == 0) {
        capacity--;
        expected = AER_INVALID;
    }
    rc = view->txn ? aer_txn_get_into(view->txn, k->bytes, k->size, run->buffer, capacity, &size)
                   : aer_get_into(view->db, k->bytes, k->size, run->buffer, capacity, &size);
    expect(run, view->db, expected, rc, "get_into");
    if (value && size != value->size)
        history_fail(&run->history, "get_into %s: size %zu, not %" PRIu64, key_text(run, key), size, value->size);
    if (rc == AER_OK && !value_equal(value, 0, run->buffer, size))
        history_fail(&run->history, "get_into %s: wrong value of %zu bytes", key_text(run, key), size);
}

static void compare_entry(struct run *run, size_t key, const struct value *value, const aer_entry *entry)
{
    char meta[META_SIZE];
    size_t meta_size = value->meta ? value_meta(value, meta) : 0;

    if (entry->value_size != value->size || entry->expires_ms != value->expires_ms || entry->seq == 0)
        history_fail(&run->history,
                     "entry of %s: size %" PRIu64 " for %" PRIu64 ", expires %" PRId64 " for %" PRId64 ", seq %" PRIu64,
                     key_text(run, key), entry->value_size, value->size, entry->expires_ms, value->expires_ms, entry->seq);
    if (!value->meta != !entry->meta || entry->meta_size != meta_size ||
        (meta_size && (memcmp(entry->meta, meta, meta_size) != 0 || entry->meta[meta_size] != '\0')))
        history_fail(&run->history, "entry of %s: meta is %s", key_text(run, key), entry->meta ? entry->meta : "NULL");
}

void check_stat(struct run *run, const struct view *view, size_t key)
{
    const struct model_key *k = &run->model.keys[key];
    const struct value *value = model_get(&run->model, view->stamp, key);
    aer_entry entry;

    memset(&entry, 0, sizeof entry);
    expect(run, view->db, value ? AER_OK : AER_NOTFOUND, aer_txn_stat(view->txn, k->bytes, k->size, &entry), "stat");
    if (value) compare_entry(run, key, value, &entry);
}

void check_reader(struct run *run, const struct view *view, size_t key)
{
    const struct model_key *k = &run->model.keys[key];
    const struct value *value = model_get(&run->model, view->stamp, key);
    aer_reader *reader = NULL;
    uint64_t size = 0, offset = 0;
    size_t got;

    expect(run, view->db, value ? AER_OK : AER_NOTFOUND, aer_reader_open(view->txn, k->bytes, k->size, &reader, &size),
           "reader_open");
    if (!value) return;
    if (size != value->size)
        history_fail(&run->history, "reader of %s: size %" PRIu64 ", not %" PRIu64, key_text(run, key), size, value->size);
    if (run_random(run, 2)) offset = run_random(run, size + 10);
    for (int i = 0; i < 40; i++) {
        size_t capacity = 1 + run_random(run, 20000);

        expect(run, view->db, AER_OK, aer_reader_read(reader, offset, run->buffer, capacity, &got), "reader_read");
        if (got > capacity || (got == 0) != (offset >= size) || offset + got > (offset > size ? offset : size) ||
            !value_equal(value, offset, run->buffer, got))
            history_fail(&run->history, "reader of %s: wrong bytes, %zu at %" PRIu64 " of %" PRIu64, key_text(run, key),
                         got, offset, size);
        if (got == 0) break;
        offset = run_random(run, 8) ? offset + got : run_random(run, size + 1);
    }
    aer_reader_close(reader);
}

/* ---- cursors ------------------------------------------------------------------------------ */

static size_t prefix_end(const struct model *m, size_t first, const void *prefix, size_t size)
{
    size_t end = first;

    while (end < m->count && m->keys[end].size >= size && memcmp(m->keys[end].bytes, prefix, size) == 0) end++;
    return end;
}

/* A bound: mostly a key, sometimes the start of one, rarely nothing at all. */
static aer_slice random_bound(struct run *run)
{
    const struct model_key *k = &run->model.keys[run_random(run, run->model.count)];
    size_t size = k->size;

    if (run_random(run, 4) == 0) size = run_random(run, k->size + 1);
    return (aer_slice){k->bytes, size};
}

static void random_range(struct run *run, aer_range *range, struct walk *walk)
{
    struct model *m = &run->model;

    if (run_random(run, 3) == 0) {
        range->prefix = random_bound(run);
        if (range->prefix.size < strlen(m->prefix)) range->prefix.size = strlen(m->prefix);
        walk->first = model_lower_bound(m, range->prefix.data, range->prefix.size);
        walk->last = prefix_end(m, walk->first, range->prefix.data, range->prefix.size);
    }
    if (run_random(run, 2)) {
        range->from = random_bound(run);
        walk->first = AER_MAX(walk->first, model_lower_bound(m, range->from.data, range->from.size));
    }
    if (run_random(run, 3) == 0) {
        range->to = random_bound(run);
        walk->last = AER_MIN(walk->last, model_lower_bound(m, range->to.data, range->to.size));
    }
    if (walk->last < walk->first) walk->last = walk->first;
    walk->is_keys_only = run_random(run, 3) == 0;
    if (run_random(run, 8) == 0) walk->value_limit = 1 + run_random(run, 100);
}

void walk_open(struct run *run, const struct view *view, bool whole, struct walk *walk)
{
    aer_range range = {.size = sizeof range, .prefix = {run->model.prefix, strlen(run->model.prefix)}};

    *walk = (struct walk){.view = *view, .last = run->model.count};
    if (!whole) random_range(run, &range, walk);
    walk->is_reverse = run_random(run, 2);
    range.flags = (walk->is_reverse ? AER_REVERSE : 0) | (walk->is_keys_only ? AER_KEYS_ONLY : 0);
    range.value_limit = walk->value_limit;
    expect(run, view->db, AER_OK,
           aer_scan(view->txn, whole && !range.flags && !range.prefix.size ? NULL : &range, &walk->cursor), "scan");
}

static void compare_row(struct run *run, const struct walk *walk, size_t key, const struct value *value,
                        const aer_slice *found_key, const aer_slice *found)
{
    const struct model_key *k = &run->model.keys[key];
    aer_entry entry;

    if (found_key->size != k->size || memcmp(found_key->data, k->bytes, k->size) != 0)
        history_fail(
            &run->history, "cursor: expected key %s, got %s%s", key_text(run, key),
            key_text(run, AER_MIN(model_lower_bound(&run->model, found_key->data, found_key->size), run->model.count - 1)),
            " (or before it)");
    if (!walk->is_keys_only) {
        bool is_loaded = !walk->value_limit || value->size <= walk->value_limit;

        if (found->size != value->size || (!is_loaded && found->data) ||
            (is_loaded && found->size && (!found->data || !value_equal(value, 0, found->data, found->size))))
            history_fail(&run->history, "cursor: wrong value of %s, %zu bytes for %" PRIu64, key_text(run, key),
                         found->size, value->size);
    } else if (found->data || found->size) {
        history_fail(&run->history, "cursor: a value, although keys only");
    }
    if (run_random(run, 8) == 0) {
        memset(&entry, 0, sizeof entry);
        expect(run, walk->view.db, AER_OK, aer_cursor_entry(walk->cursor, &entry), "cursor_entry");
        compare_entry(run, key, value, &entry);
    }
}

bool walk_next(struct run *run, struct walk *walk, size_t count)
{
    size_t length = walk->last - walk->first;

    while (count-- > 0) {
        const struct value *value = NULL;
        aer_slice key = {run, 1}, found = {run, 1};
        size_t number = 0;
        int rc;

        while (walk->position < length && !value) {
            number = walk->is_reverse ? walk->last - 1 - walk->position : walk->first + walk->position;
            walk->position++;
            value = model_get(&run->model, walk->view.stamp, number);
        }
        rc = aer_next(walk->cursor, &key, &found);
        if (!value && rc == AER_OK)
            history_fail(&run->history, "cursor: a key too many, near %s",
                         key_text(run, AER_MIN(model_lower_bound(&run->model, key.data, key.size), run->model.count - 1)));
        if (value && rc == AER_DONE) history_fail(&run->history, "cursor: ends before %s", key_text(run, number));
        expect(run, walk->view.db, value ? AER_OK : AER_DONE, rc, "next");
        if (!value) return false;
        compare_row(run, walk, number, value, &key, &found);
    }
    return true;
}

void walk_close(struct walk *walk)
{
    aer_cursor_close(walk->cursor);
    walk->cursor = NULL;
}

void check_all(struct run *run, const struct view *view)
{
    struct walk walk;

    walk_open(run, view, true, &walk);
    while (walk_next(run, &walk, SIZE_MAX)) continue;
    walk_close(&walk);
}
