/* gertrude.h -- databases of the Python program gertrude: what the files of its importer share.
 *
 *     gertrude.conf                       {"schema_version":1,"gertrude_version":"0.0.1","comment":""}
 *     tables/NAME/config                  the columns
 *     tables/NAME/data/XX/YY/<rest>       one row
 *     tables/NAME/index/NAME/config       an index; its nodes lie beside it and are not read
 *
 * The layout changed as gertrude grew, and a database may be of any age:
 *
 *     config   a list of columns, [["name","str",{"pk":true}],...], or {"spec":that list,"id":N}; missing or empty: rows of any form
 *     row      JSON or msgpack, told apart by the first byte; an object, or a list in the order of the columns
 *     id       20 characters of 1-9A-Z (<rest> has 16), later 16 of 1-9A-F (<rest> has 12)
 *
 * For: src/port/ alone. Source: github.com/mhhollomon/gertrude, table.py, lib/heap.py, lib/packer.py, lib/types/value.py.
 */
#ifndef AER_PORT_GERTRUDE_H
#define AER_PORT_GERTRUDE_H

#include "port/port_internal.h"

#define GERTRUDE_CONFIG_MAX ((size_t)1 << 20) /* bytes of a config or of gertrude.conf */

struct gertrude_index {
    const char *name, *column; /* in `config` */
    int flags;                 /* AER_UNIQUE */
    bool automatic;            /* the table has it by its columns */
    json_t *config;
};

struct gertrude_table {
    char *name;
    json_t *config;      /* what the columns' names lie in; NULL: none */
    aer_column *columns; /* column_count 0: rows of any form */
    char **defaults;     /* their default_json */
    size_t column_count;
    struct gertrude_index *indexes;
    size_t index_count;
    bool created; /* in our database, by this import */
    bool stored;  /* some rows of it are committed, or all of it is in */
};

/* ---- gertrude_files.c: reading below DIR, no link followed ---- */

/* Names of a file system have 255 bytes, and a path of ours six of them. */
enum { GERTRUDE_PATH_SIZE = 2048 };

/* Where a walk is, below DIR. The functions below fail with a message that begins with it. */
struct gertrude_at {
    char path[GERTRUDE_PATH_SIZE];
};
size_t aer__port_gertrude_down(struct gertrude_at *at, const char *name); /* gives what `up` takes */
void aer__port_gertrude_up(struct gertrude_at *at, size_t size);
int aer__port_gertrude_prefix(const struct gertrude_at *at, struct port_error *error); /* returns error->code */

/* These take what AT names, which is NAME in the directory DIR. */
int aer__port_gertrude_open(const struct gertrude_at *at, int dir, const char *name, int flags, int *fd,
                            struct port_error *error);
/* A regular file of at most LIMIT bytes; free() *data, which is NULL after a failure. */
int aer__port_gertrude_read(const struct gertrude_at *at, int dir, const char *name, size_t limit, void **data,
                            size_t *size, struct port_error *error);
/* FN for every name in a directory, in byte order, AT being there; what is not AER_OK ends it. */
typedef int (*gertrude_each)(void *arg, int dir, const char *name, struct port_error *error);
int aer__port_gertrude_each(struct gertrude_at *at, int dir, const char *name, gertrude_each fn, void *arg,
                            struct port_error *error);
bool aer__port_gertrude_is(int dir, const char *name, mode_t kind); /* S_IFREG, S_IFDIR; 0: is there anything of that name? */

/* ---- gertrude_value.c ---- */

/* The bytes of a row file, JSON or msgpack, as JSON. AER_CORRUPT with "byte N: why" (N from 0); AER_NOMEM. */
int aer__port_gertrude_decode(const void *data, size_t size, json_t **value, struct port_error *error);
/* That as an object: a list gets the columns' names. AER_CORRUPT. */
int aer__port_gertrude_row(const struct gertrude_table *table, json_t *value, json_t **row, struct port_error *error);

/* ---- gertrude_table.c ---- */

/* Columns from the bytes of tables/NAME/config (none: size 0) into a table that has none. AER_CORRUPT says what is wrong. */
int aer__port_gertrude_spec(struct gertrude_table *table, const void *data, size_t size, struct port_error *error);
/* An index from the bytes of index/NAME/config. A column whose index takes no nulls takes none itself from here on. */
int aer__port_gertrude_index(struct gertrude_table *table, const void *data, size_t size, struct port_error *error);
void aer__port_gertrude_table_release(struct gertrude_table *table);
/* Is that the text of a gertrude.conf, and not one of ours? NULL, or why not. */
const char *aer__port_gertrude_conf(const void *data, size_t size);

#endif
