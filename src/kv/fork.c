/* fork.c -- see fork.h.
 *
 * Handlers of ours are installed as one, since their order matters: first the background threads come to rest, which may
 * take locks for that, then the locks are taken.
 */
#include "kv/fork.h"
#include "kv/share.h"
#include "sqlite/sq.h"

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int at_work;
    bool forking;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static _Thread_local bool begun;

void aer__work_resume(void)
{
    if (!begun) return;
    pthread_mutex_lock(&gate.lock);
    while (gate.forking) pthread_cond_wait(&gate.changed, &gate.lock);
    gate.at_work++;
    pthread_mutex_unlock(&gate.lock);
}

void aer__work_pause(void)
{
    if (!begun) return;
    pthread_mutex_lock(&gate.lock);
    gate.at_work--;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

void aer__work_begin(void)
{
    begun = true;
    aer__work_resume();
}

void aer__work_end(void)
{
    aer__work_pause();
    begun = false;
}

static void before(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.forking = true;
    while (gate.at_work > 0) pthread_cond_wait(&gate.changed, &gate.lock);
    aer__share_before_fork();
    aer__sq_before_fork();
}

static void in_parent(void)
{
    aer__sq_parent_after_fork();
    aer__share_parent_after_fork();
    gate.forking = false;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void in_child(void)
{
    aer__sq_child_after_fork();
    aer__share_child_after_fork();
    gate.forking = false;
    pthread_cond_init(&gate.changed, NULL); /* those who waited on it are not here */
    pthread_mutex_unlock(&gate.lock);
}

static void install(void)
{
    pthread_atfork(before, in_parent, in_child);
}

void aer__fork_install(void)
{
    pthread_once(&once, install);
}
