/* fork.h -- a program that forks while it has a database open.
 *
 * The child must not touch the parent's handles, but it may open the database anew, and a program with one thread of its own
 * need not know that we have others. So a fork waits until no background thread of ours is in the middle of anything:
 * a lock of SQLite's that one holds would stay locked in the child for ever.
 */
#ifndef AER_KV_FORK_H
#define AER_KV_FORK_H

/* Before the first thread, lock or connection. */
void aer__fork_install(void);

/* A background thread: from here on a fork waits for us. Waits itself for one that is under way. */
void aer__work_begin(void);
void aer__work_end(void);
/* Around waiting for others: whoever forks may be who we wait for. Nothing in a thread that has not begun. */
void aer__work_pause(void);
void aer__work_resume(void);

#endif
