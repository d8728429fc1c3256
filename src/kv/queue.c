/* queue.c -- writers of one handle stand in line; whoever is first commits for those behind it (group commit).
 *
 * A durable commit costs one fsync however many requests it carries, so while the first in line waits for the disk the
 * others gather behind it and go together next time. A write transaction takes the first place and keeps it until it ends.
 */
#include "kv/store.h"

#define GROUP_MAX 256

static void append(struct kv *kv, struct request *r)
{
    r->next = NULL;
    r->queued = true;
    if (kv->queue_tail) kv->queue_tail->next = r;
    else kv->queue_head = r;
    kv->queue_tail = r;
}

static void take_out(struct kv *kv, struct request *r)
{
    struct request *before = NULL;

    for (struct request *p = kv->queue_head; p && p != r; p = p->next) before = p;
    if (before) before->next = r->next;
    else kv->queue_head = r->next;
    if (kv->queue_tail == r) kv->queue_tail = before;
    r->queued = false;
}

/* Wait until r is first and nobody is at work, or somebody did it for us. AER_BUSY after the deadline. */
static int wait_for_place(struct kv *kv, struct request *r, int64_t deadline_ms)
{
    while (!r->done && (kv->queue_busy || kv->queue_head != r)) {
        if (aer__cond_wait(&kv->queue_changed, &kv->queue_lock, deadline_ms)) continue;
        if (r->done || !r->queued) { /* a leader took it along: it is being committed, wait for the answer */
            while (!r->done) pthread_cond_wait(&kv->queue_changed, &kv->queue_lock);
            break;
        }
        take_out(kv, r);
        pthread_cond_broadcast(&kv->queue_changed);
        return aer__err_set(&r->err, AER_BUSY,
                            "another thread's transaction has the writer's turn; try again, or wait longer (busy_ms)");
    }
    return AER_OK;
}

int aer__queue_submit(struct kv *kv, struct request *r)
{
    struct request *group[GROUP_MAX];
    size_t count = 0;
    int rc;

    r->done = r->exclusive = false;
    r->rc = AER_OK;
    pthread_mutex_lock(&kv->queue_lock);
    append(kv, r);
    rc = wait_for_place(kv, r, aer__kv_deadline(kv));
    if (rc) r->rc = rc; /* else a leader may have set it: it is the answer */
    if (rc || r->done) goto out;
    while (count < GROUP_MAX && kv->queue_head && !kv->queue_head->exclusive) {
        group[count] = kv->queue_head;
        take_out(kv, group[count++]);
    }
    kv->queue_busy = true;
    pthread_mutex_unlock(&kv->queue_lock);
    aer__commit_group(kv, group, count);
    pthread_mutex_lock(&kv->queue_lock);
    kv->queue_busy = false;
    for (size_t i = 0; i < count; i++) group[i]->done = true;
    pthread_cond_broadcast(&kv->queue_changed);
out:
    pthread_mutex_unlock(&kv->queue_lock);
    return r->rc;
}

int aer__queue_enter(struct kv *kv, int64_t deadline_ms, struct err *err)
{
    struct request r = {.exclusive = true};
    int rc;

    pthread_mutex_lock(&kv->queue_lock);
    append(kv, &r);
    rc = wait_for_place(kv, &r, deadline_ms);
    if (rc == AER_OK) {
        take_out(kv, &r);
        kv->queue_busy = true;
    } else if (err) {
        *err = r.err;
    }
    pthread_mutex_unlock(&kv->queue_lock);
    return rc;
}

void aer__queue_leave(struct kv *kv)
{
    pthread_mutex_lock(&kv->queue_lock);
    kv->queue_busy = false;
    pthread_cond_broadcast(&kv->queue_changed);
    pthread_mutex_unlock(&kv->queue_lock);
}
