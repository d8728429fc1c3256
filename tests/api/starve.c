/* starve.c -- see starve.h. */
#include "starve.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "testing.h"

static sqlite3_mem_methods sqlites;

static void *sqlite_malloc(int size)
{
    return aer__alloc_refused() ? NULL : sqlites.xMalloc(size);
}

static void *sqlite_realloc(void *p, int size)
{
    return aer__alloc_refused() ? NULL : sqlites.xRealloc(p, size);
}

static void *json_malloc(size_t size)
{
    return aer__alloc_refused() ? NULL : malloc(size);
}

void starve_init(void)
{
    sqlite3_mem_methods failing;

    if (sqlites.xMalloc) return;
    CHECK_INT(SQLITE_OK, sqlite3_shutdown());
    CHECK_INT(SQLITE_OK, sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlites));
    failing = sqlites;
    failing.xMalloc = sqlite_malloc;
    failing.xRealloc = sqlite_realloc;
    CHECK_INT(SQLITE_OK, sqlite3_config(SQLITE_CONFIG_MALLOC, &failing));
    CHECK_INT(SQLITE_OK, sqlite3_initialize());
    json_set_alloc_funcs(json_malloc, free);
}

void starve_from(unsigned long n, bool on)
{
    if (on) aer__alloc_fail_from(n);
    else aer__alloc_fail_at(n);
}

unsigned long starve_end(void)
{
    return aer__alloc_fail_at(0);
}

long long starve_sqlite_bytes(void)
{
    return sqlite3_memory_used();
}
