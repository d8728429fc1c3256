/* connections.c -- every connection to a file, so that a forked child can drop those of its parent.
 *
 * SQLite keeps what it knows of a file's locks once a process, for all connections to the file. Locks are not inherited by
 * fork, that knowledge is: a child that opens the same file believes to hold locks which it does not, unless the inherited
 * connections are closed first. Closing them in the child does nothing to the parent: it has its own descriptors, and
 * POSIX locks belong to a process.
 */
#include "sqlite/setup.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sqlite3 **open_ones;
static size_t count, capacity;

int aer__sq_remember(sqlite3 *db, struct err *err)
{
    int rc = AER_OK;

    pthread_mutex_lock(&lock);
    if (count == capacity) {
        size_t more = capacity ? capacity * 2 : 32;
        sqlite3 **grown = aer__realloc(open_ones, more * sizeof *grown);
        if (grown) {
            open_ones = grown;
            capacity = more;
        } else {
            rc = aer__err_nomem(err);
        }
    }
    if (rc == AER_OK) open_ones[count++] = db;
    pthread_mutex_unlock(&lock);
    return rc;
}

void aer__sq_forget(sqlite3 *db)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++) {
        if (open_ones[i] != db) continue;
        open_ones[i] = open_ones[--count];
        break;
    }
    if (count == 0) {
        aer__free(open_ones);
        open_ones = NULL;
        capacity = 0;
    }
    pthread_mutex_unlock(&lock);
}

void aer__sq_before_fork(void)
{
    pthread_mutex_lock(&lock);
}

void aer__sq_parent_after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

void aer__sq_child_after_fork(void)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_stmt *stmt;
        while ((stmt = sqlite3_next_stmt(open_ones[i], NULL))) sqlite3_finalize(stmt);
        (void)sqlite3_close_v2(open_ones[i]);
    }
    aer__free(open_ones);
    open_ones = NULL;
    count = capacity = 0;
    pthread_mutex_unlock(&lock);
}
