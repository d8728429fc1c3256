/* recent.h -- the rows of an active file in memory, as far as they fit, so that reading what was just written asks SQLite nothing.
 *
 * Rows stand in sequence order without gap from first_seq. One thread adds, any number read.
 */
#ifndef AER_KV_RECENT_H
#define AER_KV_RECENT_H

#include "bucket/bucket.h"

struct recent;

/* limit: bytes it may take; rows beyond are only counted. id: of the bucket the active file will become. */
int aer__recent_new(const char *id, uint64_t first_seq, uint64_t limit, struct recent **recent, struct err *err);
void aer__recent_free(struct recent *r);
/* Its seq is first_seq + count. The row is copied while there is room, and memory; without keep (its value is not at hand) it is only counted. */
void aer__recent_add(struct recent *r, const struct row *row, bool keep);
const char *aer__recent_id(const struct recent *r);
uint64_t aer__recent_first(const struct recent *r);
uint64_t aer__recent_count(const struct recent *r);    /* rows, in memory or not */
uint64_t aer__recent_bytes(const struct recent *r);    /* sum of aer__row_bytes of all rows */
uint64_t aer__recent_expiring(const struct recent *r); /* rows that have an expiry time */
/* AER_OK: *row points into r, for as long as r lives. AER_NOTFOUND: not in memory (or not here). */
int aer__recent_get(const struct recent *r, uint64_t seq, struct row *row);

#endif
