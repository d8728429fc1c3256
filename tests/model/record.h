/* record.h -- the record that disk.c writes and cut.c reads: structs as they are in memory, one process to another.
 *
 *   record, then new_size bytes as they were to become, then old_size bytes as they were
 */
#ifndef AER_TEST_RECORD_H
#define AER_TEST_RECORD_H

#include <stdint.h>

#define RECORD_PATH 512
#define RECORD_LOG "log"
#define RECORD_INODE "inode-%llu" /* a link to each file that was changed */
#define RECORD_BACKUP "backup-%u" /* a link to each file that lost its name */

enum { RECORD_WRITE, RECORD_TRUNCATE, RECORD_SYNC, RECORD_SYNC_ALL, RECORD_CREATE, RECORD_RENAME, RECORD_REMOVE };

struct record {
    int kind;
    uint64_t inode;
    uint64_t offset; /* RECORD_TRUNCATE: the new size of the file */
    uint64_t new_size, old_size;
    uint64_t file_size; /* before */
    uint64_t backup;    /* 0: none */
    char path[RECORD_PATH], to[RECORD_PATH];
};

#endif
