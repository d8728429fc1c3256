/* disk.h -- the calls of the system that change files, with a place to die in each and a record of what is not synced.
 *
 * For: tests of what a crash leaves. The calls are defined in disk.c, so that the library and SQLite in this program
 * call ours; as long as nothing is asked of them they only pass on. Must not know: what the files are.
 *
 * Two kinds of crash. A process that is killed loses nothing it has written. A power cut loses any of what was
 * written and not synced since, in any order: bytes of files until their fsync, names in a directory until its own.
 * For that every change is recorded with the bytes before and after, and disk_cut, called in another process once
 * the recording one is dead, takes back what its dice decide.
 */
#ifndef AER_TEST_DISK_H
#define AER_TEST_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* Die by SIGKILL at the Nth change from now on, a write half done; 0: never. */
void disk_die_at(long n);

/* Record all changes below ROOT into the directory RECORDS, which is made; to be called in the process that changes.
 * Files named *-shm and aerial.lock are left out: they are mapped, and worth nothing after a crash. */
void disk_record(const char *root, const char *records);

struct cut {
    unsigned changes, unsynced, lost;
};
/* Make ROOT what a power cut would have left; RECORDS are removed. */
void disk_cut(const char *root, const char *records, uint64_t *random, struct cut *cut);

#endif
