/* shared.c -- groups of keys that carry the same number; see shared.h.
 *
 *   group g, number n, key i:   "g07/123" -> n and i as 8 bytes each, then as many bytes as n asks for
 *   every 5th number deletes the odd keys of the group
 *
 * Groups have 1 to 12 keys; two have 300, more than a bucket takes, so that their transactions go beside the active
 * bucket; one has a single value of 100,000 to 200,000 bytes, which goes in parts.
 */
#include "shared.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inspect.h"
#include "testing.h"

#define WIDE_KEYS 300
#define FIRST_WIDE (GROUPS - 3)
#define HUGE_VALUE (GROUPS - 1)

struct shared *shared_new(void)
{
    struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(s != MAP_FAILED);
    return s;
}

void shared_free(struct shared *shared)
{
    munmap(shared, sizeof *shared);
}

void peer_init(struct peer *peer, struct shared *shared, int number, uint64_t seed)
{
    *peer = (struct peer){.shared = shared, .number = number};
    run_init(&peer->run, seed, "", 0);
    peer->run.history.round = number;
}

void peer_release(struct peer *peer)
{
    run_release(&peer->run);
}

/* AERIALS_LOG=1 shows what the library put right by itself. */
static void show_log(void *arg, const char *line)
{
    if (getenv("AERIALS_LOG")) fprintf(stderr, "process %d: %s\n", *(int *)arg, line);
}

void peer_open(struct peer *peer, const char *path, int busy_ms)
{
    aer_options options = {.size = sizeof options, .busy_ms = busy_ms, .cache_bytes = 4 << 20};
    int rc;

    options.log = show_log;
    options.log_arg = &peer->number;
    options.sync = peer->sync ? peer->sync : AER_SYNC_FULL + (int)run_random(&peer->run, 3);
    history_add(&peer->run.history, "open");
    rc = aer_open(path, &options, &peer->db);
    expect(&peer->run, peer->db, AER_OK, rc, "open");
}

void peer_close(struct peer *peer)
{
    int rc;

    history_add(&peer->run.history, "close");
    rc = aer_close(peer->db);
    peer->db = NULL;
    if (rc) history_fail(&peer->run.history, "close: code %d", rc);
}

/* Nothing was changed, another process sealed or merged just then; it may happen, but must be rare. */
static bool was_busy(struct peer *peer, int rc)
{
    if (rc == AER_BUSY) atomic_fetch_add(&peer->shared->busy, 1);
    return rc == AER_BUSY;
}

void peer_upkeep(struct peer *peer)
{
    static const int flags[] = {0, 0, 0, AER_COMPACT_BY_KEY, AER_COMPACT_DRY_RUN};
    aer_compact_options options = {.size = sizeof options};
    struct run *run = &peer->run;
    int rc;

    switch (run_random(run, 4)) {
    case 0:
        history_add(&run->history, "seal");
        expect(run, peer->db, AER_OK, aer_seal(peer->db), "seal");
        break;
    case 1:
        options.flags = flags[run_random(run, 5)];
        options.min_dead_percent = (int)run_random(run, 60);
        history_add(&run->history, "compact, flags %d", options.flags);
        rc = aer_compact(peer->db, &options, NULL);
        if (!was_busy(peer, rc)) expect(run, peer->db, AER_OK, rc, "compact");
        break;
    case 2:
        history_add(&run->history, "sync");
        expect(run, peer->db, AER_OK, aer_sync(peer->db), "sync");
        break;
    default: history_add(&run->history, "ranges"); inspect_ranges(run, peer->db);
    }
}

/* ---- what a group holds ------------------------------------------------------------------- */

static unsigned group_keys(unsigned group)
{
    if (group == HUGE_VALUE) return 1;
    return group >= FIRST_WIDE ? WIDE_KEYS : 1 + group % 12;
}

static size_t group_key(char key[16], unsigned group, unsigned i)
{
    return (size_t)snprintf(key, 16, "g%02u/%03u", group, i);
}

static bool is_absent(uint64_t number, unsigned i)
{
    return number == 0 || (number % 5 == 0 && i % 2 == 1);
}

static struct value filling(unsigned group, uint64_t number, unsigned i)
{
    struct value value = {.present = true, .seed = number * 1000003 + group * 1009 + i, .size = number * 7 % 90};

    if (group == HUGE_VALUE) value.size = 100000 + number * 7919 % 100000;
    return value;
}

static size_t group_value(struct peer *peer, unsigned group, uint64_t number, unsigned i)
{
    struct value value = filling(group, number, i);
    uint64_t head[2] = {number, i};

    memcpy(peer->run.buffer, head, sizeof head);
    value_bytes(&value, 0, peer->run.buffer + sizeof head, value.size);
    return sizeof head + value.size;
}

/* ---- writing ------------------------------------------------------------------------------ */

static void raise_to(_Atomic uint64_t *mark, uint64_t number)
{
    uint64_t old = atomic_load(mark);

    while (old < number && !atomic_compare_exchange_weak(mark, &old, number)) continue;
}

/* The number a group has in this transaction, as its first key tells; that one is never deleted. */
static uint64_t number_in(struct peer *peer, aer_txn *txn, unsigned group)
{
    struct run *run = &peer->run;
    size_t size = 0, key_size;
    uint64_t number;
    char key[16];
    int rc;

    key_size = group_key(key, group, 0);
    rc = aer_txn_get_into(txn, key, key_size, run->buffer, VALUE_SIZE_MAX, &size);
    if (rc == AER_NOTFOUND) return 0;
    expect(run, peer->db, AER_OK, rc, "get the first key of a group");
    CHECK(size >= sizeof number);
    memcpy(&number, run->buffer, sizeof number);
    return number;
}

static void write_key(struct peer *peer, aer_txn *txn, unsigned group, uint64_t number, unsigned i)
{
    struct run *run = &peer->run;
    char key[16];
    size_t key_size = group_key(key, group, i);
    int rc;

    if (is_absent(number, i)) {
        rc = aer_txn_del(txn, key, key_size);
        expect(run, peer->db, is_absent(number - 1, i) ? AER_NOTFOUND : AER_OK, rc, "del");
    } else {
        rc = aer_txn_put(txn, key, key_size, run->buffer, group_value(peer, group, number, i));
        expect(run, peer->db, AER_OK, rc, "put");
    }
}

/* The number of the last commit, as this transaction sees it. */
static uint64_t order_in(struct peer *peer, aer_txn *txn)
{
    uint64_t order = 0;
    size_t size;
    int rc = aer_txn_get_into(txn, "order", 5, &order, sizeof order, &size);

    if (rc != AER_NOTFOUND) expect(&peer->run, peer->db, AER_OK, rc, "get order");
    return order;
}

static uint64_t next_order(struct peer *peer, aer_txn *txn, unsigned group)
{
    uint64_t order = order_in(peer, txn) + 1;

    CHECK(order < ORDER_MAX);
    peer->shared->order[order] = (unsigned char)group;
    expect(&peer->run, peer->db, AER_OK, aer_txn_put(txn, "order", 5, &order, sizeof order), "put order");
    return order;
}

void peer_write(struct peer *peer, unsigned group)
{
    static const int modes[] = {AER_WRITE, AER_WRITE_FULL, AER_WRITE_NORMAL, AER_WRITE_OFF};
    int mode = peer->sync ? AER_WRITE : modes[run_random(&peer->run, 4)];
    struct run *run = &peer->run;
    struct group *marks = &peer->shared->groups[group];
    unsigned count = group_keys(group), stop_at = count;
    aer_txn *txn = NULL;
    uint64_t number, order = 0;
    int rc;

    history_add(&run->history, "write group %u", group);
    expect(run, peer->db, AER_OK, aer_begin(peer->db, mode, &txn), "begin");
    number = number_in(peer, txn, group) + 1;
    if (number <= atomic_load(&marks->acknowledged))
        history_fail(&run->history, "group %u is at %" PRIu64 " for a writer, but %" PRIu64 " was acknowledged", group,
                     number - 1, atomic_load(&marks->acknowledged));
    if (run_random(run, 12) == 0) stop_at = (unsigned)run_random(run, count);
    for (unsigned i = 0; i < stop_at; i++) write_key(peer, txn, group, number, i);
    if (stop_at < count) {
        aer_rollback(txn);
        return;
    }
    if (peer->keeps_order) order = next_order(peer, txn, group);
    raise_to(&marks->started, number);
    rc = aer_commit(txn);
    if (was_busy(peer, rc)) return;
    expect(run, peer->db, AER_OK, rc, "commit");
    raise_to(&marks->acknowledged, number);
    raise_to(&peer->shared->order_acknowledged, order);
    atomic_fetch_add(&peer->shared->commits, 1);
}

/* ---- reading ------------------------------------------------------------------------------ */

static void compare_value(struct peer *peer, unsigned group, uint64_t number, unsigned i, const unsigned char *data,
                          size_t size)
{
    struct value value = filling(group, number, i);
    uint64_t head[2] = {0, 0};

    if (size >= sizeof head) memcpy(head, data, sizeof head);
    if (head[0] != number || head[1] != i || size != sizeof head + value.size ||
        !value_equal(&value, 0, data + sizeof head, value.size))
        history_fail(&peer->run.history,
                     "group %u is at %" PRIu64 ", but key %u has number %" PRIu64 ", %" PRIu64 ", %zu bytes", group,
                     number, i, head[0], head[1], size);
}

static void check_by_get(struct peer *peer, aer_txn *txn, unsigned group, uint64_t number)
{
    struct run *run = &peer->run;

    for (unsigned i = 0; i < group_keys(group); i++) {
        char key[16];
        size_t size = 0, key_size = group_key(key, group, i);
        int rc = aer_txn_get_into(txn, key, key_size, run->buffer, VALUE_SIZE_MAX, &size);

        if (rc != (is_absent(number, i) ? AER_NOTFOUND : AER_OK))
            history_fail(&run->history, "group %u is at %" PRIu64 ", but get of key %u gives code %d: %s", group,
                         number, i, rc, aer_errmsg(peer->db));
        if (rc == AER_OK) compare_value(peer, group, number, i, run->buffer, size);
    }
}

static void check_by_cursor(struct peer *peer, aer_txn *txn, unsigned group, uint64_t number)
{
    struct run *run = &peer->run;
    aer_range range = {.size = sizeof range};
    aer_cursor *cursor = NULL;
    char prefix[16];
    unsigned i = 0;
    int rc;

    range.prefix = (aer_slice){prefix, (size_t)snprintf(prefix, sizeof prefix, "g%02u/", group)};
    expect(run, peer->db, AER_OK, aer_scan(txn, &range, &cursor), "scan");
    for (;;) {
        aer_slice key, value;
        char expected[16];

        while (i < group_keys(group) && is_absent(number, i)) i++;
        rc = aer_next(cursor, &key, &value);
        if (rc != AER_OK) break;
        if (i == group_keys(group) || key.size != group_key(expected, group, i) || memcmp(key.data, expected, key.size) != 0)
            history_fail(&run->history, "group %u at %" PRIu64 ": the cursor found %.*s instead of key %u", group,
                         number, (int)key.size, (const char *)key.data, i);
        compare_value(peer, group, number, i++, value.data, value.size);
    }
    expect(run, peer->db, AER_DONE, rc, "next");
    if (i < group_keys(group))
        history_fail(&run->history, "group %u at %" PRIu64 ": the cursor ends before key %u", group, number, i);
    aer_cursor_close(cursor);
}

static void check_group(struct peer *peer, aer_txn *txn, unsigned group, uint64_t number)
{
    if (run_random(&peer->run, 2)) check_by_get(peer, txn, group, number);
    else check_by_cursor(peer, txn, group, number);
}

static uint64_t check_marks(struct peer *peer, aer_txn *txn, unsigned group, uint64_t acknowledged)
{
    uint64_t number = number_in(peer, txn, group), started = atomic_load(&peer->shared->groups[group].started);

    if (number < acknowledged || number > started)
        history_fail(&peer->run.history,
                     "group %u is at %" PRIu64 ", but %" PRIu64 " was acknowledged before and %" PRIu64 " started",
                     group, number, acknowledged, started);
    return number;
}

static void read_groups(struct peer *peer, unsigned first, unsigned count)
{
    struct run *run = &peer->run;
    uint64_t acknowledged[GROUPS], numbers[GROUPS];
    aer_txn *txn = NULL;

    history_add(&run->history, "read %u groups from %u", count, first);
    for (unsigned g = first; g < first + count; g++)
        acknowledged[g] = atomic_load(&peer->shared->groups[g].acknowledged);
    expect(run, peer->db, AER_OK, aer_begin(peer->db, AER_READ, &txn), "begin to read");
    for (unsigned g = first; g < first + count; g++) {
        numbers[g] = check_marks(peer, txn, g, acknowledged[g]);
        check_group(peer, txn, g, numbers[g]);
    }
    if (run_random(run, 4) == 0) {
        history_add(&run->history, "read the same again later");
        usleep((useconds_t)run_random(run, 60000));
        for (unsigned g = first; g < first + count; g++) check_group(peer, txn, g, numbers[g]);
    }
    aer_rollback(txn);
    atomic_fetch_add(&peer->shared->snapshots, 1);
}

void peer_read(struct peer *peer)
{
    unsigned first = (unsigned)run_random(&peer->run, GROUPS);

    read_groups(peer, first, 1 + (unsigned)run_random(&peer->run, AER_MIN(5, GROUPS - first)));
}

void peer_read_all(struct peer *peer)
{
    read_groups(peer, 0, GROUPS);
}

void peer_settle(struct peer *peer, bool all_acknowledged)
{
    struct run *run = &peer->run;
    struct shared *shared = peer->shared;
    uint64_t numbers[GROUPS] = {0}, order;
    aer_txn *txn = NULL;

    history_add(&run->history, "settle");
    expect(run, peer->db, AER_OK, aer_begin(peer->db, AER_READ, &txn), "begin to read");
    order = order_in(peer, txn);
    if (all_acknowledged && order < atomic_load(&shared->order_acknowledged))
        history_fail(&run->history, "commit %" PRIu64 " was acknowledged, %" PRIu64 " is the last there is",
                     atomic_load(&shared->order_acknowledged), order);
    for (uint64_t i = 1; i <= order; i++) numbers[shared->order[i]]++;
    for (unsigned g = 0; g < GROUPS; g++) {
        uint64_t number = number_in(peer, txn, g);

        if (number != numbers[g])
            history_fail(&run->history, "after %" PRIu64 " commits group %u is at %" PRIu64 ", not %" PRIu64, order, g,
                         number, numbers[g]);
        check_by_get(peer, txn, g, number);
        check_by_cursor(peer, txn, g, number);
        /* What was started may still come: a commit of the dead is finished by the next who writes. */
        atomic_store(&shared->groups[g].acknowledged, number);
    }
    atomic_store(&shared->order_acknowledged, order);
    aer_rollback(txn);
}
