/* base.h -- the ground every layer stands on: errors, memory, hashes, bytes, time.
 *
 * For: all of src/. Must not know: files, SQLite, keys or buckets.
 */
#ifndef AER_BASE_H
#define AER_BASE_H

#include <aerials.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERR_MESSAGE_SIZE 512

/* One failure: the first cause, and its sentence for people. The lowest layer sets it,
 * layers above may only put a prefix before it. A struct err of zeros means "no failure". */
struct err {
    int code;
    char message[ERR_MESSAGE_SIZE];
};

/* Set code and sentence, unless one stands already (the first cause wins). Returns err->code.
 * err may be NULL: then only the code is returned. */
int aer__err_set(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What the OS refused: "cannot VERB 'NAME': strerror". Maps errno to AER_FULL (ENOSPC, EDQUOT), AER_PERM
 * (EACCES, EPERM), AER_READONLY (EROFS), AER_NOMEM, else AER_IO. Reads errno first thing. */
int aer__err_os(struct err *err, const char *verb, const char *name);
int aer__err_nomem(struct err *err);
/* Put "PREFIX: " before the sentence. */
void aer__err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void aer__err_clear(struct err *err);
#if defined(__clang_analyzer__) && !defined(AER_ERR_C)
/* The static analyzer reads one source at a time, and cannot know that none of these answers AER_OK. */
#define aer__err_set(err, code, ...) (aer__err_set((err), (code), __VA_ARGS__), (code))
#define aer__err_os(err, verb, name) (aer__err_os((err), (verb), (name)), AER_IO)
#define aer__err_nomem(err) (aer__err_nomem(err), AER_NOMEM)
#endif

/* Allocation, through one hook so that tests can make the Nth one fail. NULL means out of memory.
 * aer__alloc(0) gives a pointer that can be freed. */
void *aer__alloc(size_t size);
void *aer__calloc(size_t count, size_t size); /* zeroed; count * size is checked for overflow */
void *aer__realloc(void *p, size_t size);
void aer__free(void *p);
void *aer__memdup(const void *p, size_t size); /* one NUL byte is added behind the copy */
char *aer__strdup(const char *s);
/* For tests: fail the Nth allocation from now on (1 is the next); 0 never. Returns how many were counted since the last call. */
unsigned long aer__alloc_fail_at(unsigned long n);
/* The same, and all after the Nth fail too, until the next call of either. */
unsigned long aer__alloc_fail_from(unsigned long n);
/* Count one allocation; true: it is one that is to fail. A test's allocator for a library we use asks it too. */
bool aer__alloc_refused(void);

/* A growing byte buffer; zeros are an empty one. */
struct buf {
    unsigned char *data;
    size_t size, capacity;
};
int aer__buf_reserve(struct buf *b, size_t extra); /* AER_OK or AER_NOMEM */
int aer__buf_append(struct buf *b, const void *p, size_t size);
void aer__buf_release(struct buf *b);

/* Sequence numbers, both ends included. */
struct span {
    uint64_t first, last;
};

/* XXH3-64. */
uint64_t aer__hash(const void *p, size_t size);
uint64_t aer__hash_seed(const void *p, size_t size, uint64_t seed);
/* The same of bytes that come in pieces. */
struct hasher {
    _Alignas(64) unsigned char state[640];
};
void aer__hasher_begin(struct hasher *h);
void aer__hasher_add(struct hasher *h, const void *p, size_t size);
uint64_t aer__hasher_sum(const struct hasher *h);

/* memcmp order, shorter first when one is a prefix of the other. <0, 0, >0. */
int aer__key_compare(const void *a, size_t a_size, const void *b, size_t b_size);

int64_t aer__now_ms(void);       /* wall clock, since 1970 */
int64_t aer__monotonic_ms(void); /* never goes back */
void aer__sleep_us(unsigned us);

/* Big-endian numbers in bytes. */
uint32_t aer__get_u32(const unsigned char *p);
uint64_t aer__get_u64(const unsigned char *p);
void aer__put_u64(unsigned char *p, uint64_t v);

#define AER_MIN(a, b) ((a) < (b) ? (a) : (b))
#define AER_MAX(a, b) ((a) > (b) ? (a) : (b))
#define AER_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
