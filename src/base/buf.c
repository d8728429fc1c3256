/* buf.c -- a byte buffer that grows.
 *
 * Invariant: size <= capacity, and data is NULL only while capacity is 0. After AER_NOMEM the buffer is as it was.
 */
#include "base/base.h"

#include <string.h>

#define FIRST_CAPACITY 256

int aer__buf_reserve(struct buf *b, size_t extra)
{
    size_t capacity;
    void *data;

    if (extra <= b->capacity - b->size) return AER_OK;
    if (extra > SIZE_MAX - b->size) return AER_NOMEM;
    capacity = b->capacity > SIZE_MAX / 2 ? SIZE_MAX : b->capacity * 2;
    capacity = AER_MAX(capacity, b->size + extra);
    capacity = AER_MAX(capacity, (size_t)FIRST_CAPACITY);
    data = aer__realloc(b->data, capacity);
    if (!data) return AER_NOMEM;
    b->data = data;
    b->capacity = capacity;
    return AER_OK;
}

int aer__buf_append(struct buf *b, const void *p, size_t size)
{
    if (size == 0) return AER_OK;
    if (aer__buf_reserve(b, size)) return AER_NOMEM;
    memcpy(b->data + b->size, p, size);
    b->size += size;
    return AER_OK;
}

void aer__buf_release(struct buf *b)
{
    aer__free(b->data);
    memset(b, 0, sizeof(*b));
}
