/* test_queue_threads.c -- writers in line, in one handle and in two: nobody is lost, passed over or made to wait for ever. */
#include "scene.h"

#include "testing.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static int64_t soon(void)
{
    return aer__monotonic_ms() + 60000;
}

/* Until so many stand in line. */
static void wait_for_line(struct kv *kv, unsigned length)
{
    for (unsigned n = 0; n != length;) {
        n = 0;
        pthread_mutex_lock(&kv->queue_lock);
        for (struct request *r = kv->queue_head; r; r = r->next) n++;
        pthread_mutex_unlock(&kv->queue_lock);
        sched_yield();
    }
}

struct job {
    pthread_t thread;
    struct kv *kv;
    char key[16];
    bool deletes;
    int rc;
};

static void *do_job(void *arg)
{
    struct job *job = arg;

    job->rc = job->deletes ? del_text(job->kv, job->key) : put_text(job->kv, job->key, "value");
    return NULL;
}

static void start(struct job *job, struct kv *kv, const char *key, bool deletes)
{
    *job = (struct job){.kv = kv, .deletes = deletes};
    snprintf(job->key, sizeof job->key, "%s", key);
    CHECK_INT(0, pthread_create(&job->thread, NULL, do_job, job));
}

static int finish(struct job *job)
{
    CHECK_INT(0, pthread_join(job->thread, NULL));
    return job->rc;
}

TEST(all_that_stand_in_line_go_with_one_commit)
{
    struct kv *kv = scene_open(scratch_dir(), 1000, 60000);
    struct job jobs[20];
    uint64_t counter;

    CHECK_OK(put_text(kv, "first", "value"));
    counter = kv->share.page->counter;
    CHECK_OK(aer__queue_enter(kv, soon(), ERR));
    for (unsigned i = 0; i < AER_COUNT(jobs); i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        start(&jobs[i], kv, key, false);
        wait_for_line(kv, i + 1);
    }
    aer__queue_leave(kv);
    for (unsigned i = 0; i < AER_COUNT(jobs); i++) CHECK_OK(finish(&jobs[i]));
    CHECK_INT(counter + 2, kv->share.page->counter);
    CHECK_INT(1 + AER_COUNT(jobs), kv->visible);
    for (unsigned i = 0; i < AER_COUNT(jobs); i++) check_text(kv, NULL, jobs[i].key, "value");
    CHECK(kv->queue_head == NULL && kv->queue_tail == NULL && !kv->queue_busy);
    scene_close(kv);
}

TEST(in_one_group_each_sees_what_went_before_it)
{
    static const struct {
        const char *key;
        bool deletes;
        int rc;
    } line[] = {{"a", false, AER_OK}, {"a", true, AER_OK},   {"a", true, AER_NOTFOUND},   {"b", true, AER_NOTFOUND},
                {"b", false, AER_OK}, {"old", true, AER_OK}, {"old", true, AER_NOTFOUND}, {"c", false, AER_OK},
                {"c", true, AER_OK},  {"c", false, AER_OK}};
    struct kv *kv = scene_open(scratch_dir(), 1000, 60000);
    struct job jobs[AER_COUNT(line)];

    CHECK_OK(put_text(kv, "old", "value"));
    CHECK_OK(aer__queue_enter(kv, soon(), ERR));
    for (unsigned i = 0; i < AER_COUNT(line); i++) {
        start(&jobs[i], kv, line[i].key, line[i].deletes);
        wait_for_line(kv, i + 1);
    }
    aer__queue_leave(kv);
    for (unsigned i = 0; i < AER_COUNT(line); i++) CHECK_INT(line[i].rc, finish(&jobs[i]));
    check_text(kv, NULL, "a", NULL);
    check_text(kv, NULL, "b", "value");
    check_text(kv, NULL, "old", NULL);
    check_text(kv, NULL, "c", "value");
    scene_close(kv);
}

TEST(who_may_not_wait_is_told_so_and_leaves_the_line)
{
    int dir = scratch_dir();
    struct kv *kv = scene_open(dir, 1000, 0), *other = scene_open(dir, 1000, 0);
    struct kv_item item = {.key = "k", .key_size = 1, .value = "v", .value_size = 1};
    struct kv_txn *txn, *second;
    struct err err = {0};

    CHECK_OK(aer__kv_begin_write(kv, 0, &txn, ERR));
    CHECK_RC(AER_BUSY, aer__kv_put(kv, &item, &err)); /* a thread of ours has the place */
    CHECK_INT(AER_BUSY, err.code);
    CHECK(strstr(err.message, "transaction") != NULL);
    CHECK(kv->queue_head == NULL && kv->queue_tail == NULL);
    CHECK_RC(AER_BUSY, aer__kv_begin_write(kv, 0, &second, ERR));
    CHECK(second == NULL);
    err = (struct err){0};
    CHECK_RC(AER_BUSY, aer__kv_put(other, &item, &err)); /* another handle has the turn */
    CHECK(strstr(err.message, "turn") != NULL);
    CHECK_RC(AER_BUSY, aer__kv_begin_write(other, 0, &second, ERR));
    CHECK_RC(AER_BUSY, aer__kv_sync(other, ERR));
    CHECK_OK(aer__kv_commit(txn, ERR));
    check_text(kv, NULL, "k", NULL); /* what was refused is not done later */
    CHECK_OK(aer__kv_put(other, &item, ERR));
    CHECK_OK(aer__kv_put(kv, &item, ERR));
    CHECK_INT(2, kv->visible);
    scene_close(other);
    scene_close(kv);
}

TEST(one_that_gives_up_in_the_middle_of_the_line_holds_nobody_up)
{
    struct kv *kv = scene_open(scratch_dir(), 1000, 60000);
    struct job first, impatient, last;

    CHECK_OK(aer__queue_enter(kv, soon(), ERR));
    start(&first, kv, "first", false);
    wait_for_line(kv, 1);
    kv->options.busy_ms = 20; /* nobody else looks at it now */
    start(&impatient, kv, "impatient", false);
    CHECK_RC(AER_BUSY, finish(&impatient));
    kv->options.busy_ms = 60000;
    wait_for_line(kv, 1);
    start(&last, kv, "last", false);
    wait_for_line(kv, 2);
    aer__queue_leave(kv);
    CHECK_OK(finish(&first));
    CHECK_OK(finish(&last));
    check_text(kv, NULL, "first", "value");
    check_text(kv, NULL, "last", "value");
    check_text(kv, NULL, "impatient", NULL);
    CHECK_INT(2, kv->visible);
    scene_close(kv);
}

/* ---- many ---- */

#define THREADS 6
#define PUTS 60

static void *put_own_keys(void *arg)
{
    struct job *job = arg;

    for (int i = 0; i < PUTS; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s-%d", job->key, i);
        CHECK_OK(put_text(job->kv, key, job->key));
    }
    return NULL;
}

TEST(many_threads_of_two_handles_lose_nothing)
{
    int dir = scratch_dir();
    struct kv *kv[2] = {scene_open(dir, 50, 60000), scene_open(dir, 50, 60000)}; /* seals on the way */
    struct job jobs[THREADS];

    for (int i = 0; i < THREADS; i++) {
        jobs[i].kv = kv[i % 2];
        snprintf(jobs[i].key, sizeof jobs[i].key, "t%d", i);
        CHECK_INT(0, pthread_create(&jobs[i].thread, NULL, put_own_keys, &jobs[i]));
    }
    for (int i = 0; i < THREADS; i++) CHECK_INT(0, pthread_join(jobs[i].thread, NULL));
    for (int i = 0; i < THREADS * PUTS; i++) {
        char key[32];
        snprintf(key, sizeof key, "t%d-%d", i / PUTS, i % PUTS);
        check_text(kv[i % 2], NULL, key, jobs[i / PUTS].key);
    }
    CHECK_INT(THREADS * PUTS, kv[0]->share.page->last_seq);
    scene_buckets(kv[0]);
    scene_buckets(kv[1]);
    CHECK_INT(0, kv[0]->share.page->counter & 1);
    scene_close(kv[1]);
    scene_close(kv[0]);
}

/* A handle that has the turn and always more to do gives it to one that waits: by asking for it, not by luck. */
TEST(a_handle_in_a_hurry_lets_another_one_in)
{
    int dir = scratch_dir();
    struct kv *greedy = scene_open(dir, 100000, 60000), *patient = scene_open(dir, 100000, 60000);
    struct job job;

    CHECK_OK(aer__turn_enter(greedy, soon(), ERR));
    start(&job, patient, "patient", false);
    while (!aer__turn_wanted(greedy)) sched_yield();
    /* Users come and go without ever all being gone, until one is held back: that is the yielding. */
    for (;;) {
        struct err err = {0};
        int rc = aer__turn_enter(greedy, aer__monotonic_ms() + 5, &err);
        if (rc) {
            CHECK_INT(AER_BUSY, rc);
            break;
        }
        aer__turn_leave(greedy);
    }
    CHECK_OK(aer__turn_enter_background(greedy, ERR)); /* the background is let in: somebody may wait for it with the turn */
    aer__turn_leave(greedy);
    aer__turn_leave(greedy);
    CHECK_OK(finish(&job));
    check_text(greedy, NULL, "patient", "value");
    scene_close(patient);
    scene_close(greedy);
}
