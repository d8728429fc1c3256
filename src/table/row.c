/* row.c -- one row: what its JSON may be, its canonical text, its keys. */
#include "table/inside.h"

#include <inttypes.h>
#include <string.h>

static const char *const json_names[] = {
    [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array", [JSON_STRING] = "a string", [JSON_INTEGER] = "an integer",
    [JSON_REAL] = "a real number", [JSON_TRUE] = "true",      [JSON_FALSE] = "false",     [JSON_NULL] = "null"};

static bool fits(int type, const json_t *value)
{
    switch (type) {
    case AER_STR: return json_is_string(value);
    case AER_INT: return json_is_integer(value);
    case AER_FLOAT: return json_is_real(value);
    case AER_BOOL: return json_is_boolean(value);
    default: return true;
    }
}

/* An integer in a column of reals becomes one, if a double can hold it. */
static int make_real(json_t *row, const struct column *c, json_t *value, struct err *err)
{
    json_int_t i = json_integer_value(value);
    double d = (double)i;

    if (d >= 9223372036854775808.0 || (json_int_t)d != i)
        return aer__err_set(err, AER_INVALID, "column '%s': a float cannot hold %" PRId64 " exactly", c->name, (int64_t)i);
    value = json_real(d);
    if (!value || json_object_set_new(row, c->name, value)) return aer__err_nomem(err);
    return AER_OK;
}

static int check_column(json_t *row, const struct column *c, struct err *err)
{
    json_t *value = json_object_get(row, c->name);

    if (!value) {
        value = c->value ? json_deep_copy(c->value) : json_null();
        if (!value || json_object_set_new(row, c->name, value)) return aer__err_nomem(err);
    }
    if (json_is_null(value)) {
        if (!(c->flags & AER_NOTNULL)) return AER_OK;
        return aer__err_set(err, AER_CONFLICT, "column '%s' must not be null", c->name);
    }
    if (c->type == AER_FLOAT && json_is_integer(value)) return make_real(row, c, value, err);
    if (fits(c->type, value)) return AER_OK;
    return aer__err_set(err, AER_INVALID, "column '%s' is %s, not %s", c->name, aer__def_type(c->type),
                        json_names[json_typeof(value)]);
}

static int check_columns(const struct table *t, json_t *row, struct err *err)
{
    const char *name;
    json_t *value;
    int rc = AER_OK;

    json_object_foreach(row, name, value)
    {
        if (!aer__def_column(t, name, strlen(name)))
            return aer__err_set(err, AER_INVALID, "there is no column '%.100s' in table '%s'", name, t->name);
    }
    for (size_t i = 0; rc == AER_OK && i < t->column_count; i++) rc = check_column(row, &t->columns[i], err);
    return rc;
}

int aer__row_check(const struct table *t, json_t *row, struct buf *text, struct err *err)
{
    int rc = AER_OK;

    if (!json_is_object(row))
        return aer__err_set(err, AER_INVALID, "a row is a JSON object, not %s", json_names[json_typeof(row)]);
    if (t->column_count) rc = check_columns(t, row, err);
    if (rc == AER_OK) rc = aer__json_write(text, row, err);
    if (rc == AER_OK && aer__buf_append(text, "\n", 1)) rc = aer__err_nomem(err);
    if (rc == AER_OK && text->size > AER_ROW_MAX)
        rc = aer__err_set(err, AER_INVALID, "a row of %zu bytes is too long: %zu at most", text->size, AER_ROW_MAX);
    return rc;
}

int aer__row_read(const struct table *t, const void *json, size_t size, json_t **row, struct buf *text, struct err *err)
{
    int rc;

    *row = NULL;
    if (size > AER_ROW_MAX)
        return aer__err_set(err, AER_INVALID, "a row of %zu bytes is too long: %zu at most", size, AER_ROW_MAX);
    rc = aer__json_read(json, size, row, err);
    if (rc == AER_OK) rc = aer__row_check(t, *row, text, err);
    if (rc == AER_OK) return AER_OK;
    json_decref(*row);
    *row = NULL;
    return rc;
}

int aer__row_key(const struct table_index *ti, const json_t *row, struct buf *bytes, struct buf *json, bool *has_null,
                 struct err *err)
{
    bool list = ti->ix.columns > 1;
    int rc = AER_OK;

    bytes->size = json->size = 0;
    *has_null = false;
    if (list && aer__buf_append(json, "[", 1)) return aer__err_nomem(err);
    for (size_t i = 0; rc == AER_OK && i < ti->ix.columns; i++) {
        const json_t *value = aer__json_at(row, ti->paths[i]);
        if (!value || json_is_null(value)) *has_null = true;
        if (!value) value = json_null();
        rc = aer__index_key(bytes, value, err);
        if (rc == AER_OK && i && aer__buf_append(json, ",", 1)) rc = aer__err_nomem(err);
        if (rc == AER_OK) rc = aer__json_write(json, value, err);
    }
    if (rc == AER_OK && list && aer__buf_append(json, "]", 1)) rc = aer__err_nomem(err);
    if (rc == AER_INVALID) aer__err_prefix(err, "index '%s'", ti->ix.name);
    return rc;
}
