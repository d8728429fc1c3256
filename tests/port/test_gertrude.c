/* test_gertrude.c -- tests src/port/gertrude_value.c and gertrude_table.c: rows and configs of gertrude, and what is neither. */
#include "testing.h"

#include "port/gertrude.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct port_error cause;

/* Bytes from hex, spaces between as one likes. A block of just that size, so that a sanitizer sees a step too far. */
static unsigned char *bytes_of(const char *hex, size_t *size)
{
    unsigned char *bytes = malloc(strlen(hex) / 2 + 1), *exact;
    unsigned value;

    *size = 0;
    for (; *hex; hex += *hex == ' ' ? 1 : 2)
        if (*hex != ' ' && sscanf(hex, "%2x", &value) == 1) bytes[(*size)++] = (unsigned char)value;
    exact = malloc(*size ? *size : 1);
    memcpy(exact, bytes, *size);
    free(bytes);
    return exact;
}

/* What the bytes are, as JSON; NULL: an error, which stands in `cause`. Valid until the next call. */
static const char *decoded_bytes(const void *bytes, size_t size)
{
    static char *text;
    json_t *value;
    int rc;

    free(text);
    text = NULL;
    cause = (struct port_error){0};
    rc = aer__port_gertrude_decode(bytes, size, &value, &cause);
    if (rc == AER_OK) text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    else CHECK(rc == AER_CORRUPT && value == NULL && cause.message[0]);
    json_decref(value);
    return text ? text : "";
}

static const char *decoded(const char *hex)
{
    size_t size;
    unsigned char *bytes = bytes_of(hex, &size);
    const char *text = decoded_bytes(bytes, size);

    free(bytes);
    return text;
}

static const char *refused(const char *hex)
{
    CHECK_STR("", decoded(hex));
    return cause.message;
}

TEST(plain_msgpack_becomes_the_same_json)
{
    CHECK_STR("[null,true,false,5,-1,127,-32]", decoded("97 c0 c3 c2 05 ff 7f e0"));
    CHECK_STR("[255,65535,4294967295]", decoded("93 ccff cdffff ceffffffff"));
    CHECK_STR("[9223372036854775807,-9223372036854775808]", decoded("92 cf7fffffffffffffff d38000000000000000"));
    CHECK_STR("[-128,-32768,-2147483648]", decoded("93 d080 d18000 d280000000"));
    CHECK_STR("[\"\",\"abc\",\"\\u00E9\",\"\\u0000\"]", decoded("94 a0 a3616263 d902c3a9 da000100"));
    CHECK_STR("[0.5,0.10000000000000001]", decoded("92 ca3f000000 cb3fb999999999999a"));
    CHECK_STR("{\"a\":1,\"b\":[]}", decoded("82 a161 01 a162 90"));
    CHECK_STR("{\"a\":{}}", decoded("de0001 a161 df00000000"));
    CHECK_STR("{\"\":\"\"}", decoded("81 a0 a0"));
    CHECK_STR("[[1],[2]]", decoded("dc0002 dd00000001 01 91 02"));
}

TEST(the_first_form_of_value)
{
    CHECK_STR("[1,-1,-9223372036854775808]",
              decoded("93 c70901c50000000000000001 c70901c5ffffffffffffffff c70901c58000000000000000"));
    CHECK_STR("[\"ab\",\"\"]", decoded("92 c70401c9026162 d501c900"));
    CHECK_STR("[-1.5]", decoded("91 c70901cdbff8000000000000"));
    CHECK_STR("[true,false]", decoded("92 d501d101 d501d100"));
    CHECK_STR("[null,null,null,null]", decoded("94 d401c4 d401c8 d401cc d401d0"));
}

TEST(the_second_form_of_value)
{
    CHECK_STR("[1,-2]", decoded("92 c70901cc0000000000000001 c70901ccfffffffffffffffe"));
    CHECK_STR("[\"ab\",\"\",\"\\u00E9\"]", decoded("93 c70301d46162 d401d4 c70301d4c3a9"));
    CHECK_STR("[1.0]", decoded("91 c70901dc3ff0000000000000"));
    CHECK_STR("[true,false]", decoded("92 d501e401 d501e400"));
    CHECK_STR("[null,null,null,null]", decoded("94 d401c8 d401d0 d401d8 d401e0"));
    CHECK_STR("[null]", decoded("91 d40188")); /* never asked for its bytes before it was written */
}

/* The same text with its length before it, in one byte and in two. */
TEST(long_strings_of_the_first_form)
{
    static const size_t sizes[] = {127, 128, 255, 256, 32766};
    unsigned char *bytes = malloc(40000);

    for (size_t i = 0; i < AER_COUNT(sizes); i++) {
        size_t size = sizes[i], prefix = size < 128 ? 1 : 2, raw = 1 + prefix + size, at = 0;

        memcpy(bytes, "\x91\xc8", 2);
        bytes[2] = (unsigned char)(raw >> 8);
        bytes[3] = (unsigned char)raw;
        memcpy(bytes + 4, "\x01\xc9", 2);
        at = 6;
        if (prefix == 2) bytes[at++] = (unsigned char)(0x80 | size >> 8);
        bytes[at++] = (unsigned char)size;
        memset(bytes + at, 'x', size);
        CHECK_INT(size + strlen("[\"\"]"), strlen(decoded_bytes(bytes, at + size)));
        CHECK_STR("", decoded_bytes(bytes, at + size - 1));
        bytes[at - 1] ^= 1; /* one more or less than there is */
        CHECK_STR("", decoded_bytes(bytes, at + size));
    }
    free(bytes);
}

TEST(what_is_no_value_is_refused)
{
    static const char *const bad[] = {
        "c70001", /* nothing at all */
        "d40100", /* no mark */
        "d40140",
        "d4017f",
        "d401c0", /* no type */
        "d401c5", /* an int of the first form without its bytes */
        "d401cd",
        "d401d1",
        "d401d5", /* a float, a bool, type 5 */
        "d401c9", /* a string without a length */
        "d401c6",
        "d401c7",
        "d401ce", /* bits that neither form sets */
        "d401d6",
        "d401d5",
        "d401e5", /* */
        "d4018c",
        "d40194", /* second form, not null, not encoded */
        "d401e4",
        "d401dc", /* second form without its bytes */
        "d501c800",
        "d501d000", /* null, and yet something */
        "d501cc00", /* an int of one byte */
        "d501d102",
        "d501e402",       /* a bool that is 2 */
        "d501c901",       /* a string that ends before its length */
        "c70401c9016162", /* and one that goes on behind it */
        "d501d4ff",       /* not UTF-8 */
        "d501e800",
        "d401ec",                   /* type 5 of the second form */
        "c70901dc7ff8000000000000", /* NaN */
        "c70901cd7ff0000000000000", /* infinity */
        "d402c8",
        "d4ff00", /* another extension */
    };

    for (size_t i = 0; i < AER_COUNT(bad); i++) CHECK_STR("", decoded(bad[i]));
    CHECK_STR("value 2: byte 4: 0x40 begins no Value of gertrude", refused("92 c0 d40140"));
}

/* All 256 header bytes, alone and with payloads of every size up to 10: accepted is what the two classes write, and nothing else. */
TEST(every_header_byte_with_every_payload)
{
    unsigned char bytes[16] = {0xc7, 0, 0x01};
    int taken = 0;

    for (unsigned header = 0; header < 256; header++) {
        for (unsigned size = 0; size <= 10; size++) {
            memset(bytes + 3, 0, sizeof(bytes) - 3);
            bytes[1] = (unsigned char)(1 + size);
            bytes[3] = (unsigned char)header;
            taken += decoded_bytes(bytes, 4 + size)[0] != '\0';
        }
    }
    /* Nulls: c4 c8 cc d0 of the first form, 88 90 98 a0 and c8 d0 d8 e0 of the second, two of them in both: 10.
     * First form: int, float, bool, and the empty string. Second: int, float, bool, and a string of 0 to 10 bytes. */
    CHECK_INT(10 + 4 + 3 + 11, taken);
}

TEST(what_is_cut_short_is_refused_at_its_end)
{
    static const char *const whole[] = {"92 c0 a3616263",
                                        "91 cf0000000000000001",
                                        "91 c70901cc0000000000000001",
                                        "82 a161 01 a162 90",
                                        "dd00000001 db00000002 6162",
                                        "91 d501e401",
                                        "91 cb3fb999999999999a",
                                        "92 d801d4 616263646566676869606b6c6d6e6f 05",
                                        "92 d601d4616263 05",
                                        "92 d701d4 61626364656667 05"};

    for (size_t i = 0; i < AER_COUNT(whole); i++) {
        size_t size;
        unsigned char *bytes = bytes_of(whole[i], &size);

        CHECK(decoded_bytes(bytes, size)[0] != '\0');
        for (size_t cut = 0; cut < size; cut++) {
            unsigned char *part = malloc(cut ? cut : 1);
            char end[32];

            memcpy(part, bytes, cut);
            CHECK_STR("", decoded_bytes(part, cut));
            snprintf(end, sizeof(end), "byte %zu: ", cut);
            CHECK(cut == 0 || strncmp(cause.message, end, strlen(end)) == 0);
            free(part);
        }
        free(bytes);
    }
    CHECK_STR("byte 3: there is more behind the row", refused("92 01 02 03"));
}

TEST(claims_without_substance_cost_no_memory)
{
    CHECK_STR("byte 5: the msgpack ends in the middle", refused("db ffffffff"));
    CHECK_STR("byte 0: more values than a row can have", refused("dd ffffffff"));
    CHECK_STR("byte 0: more values than a row can have", refused("df ffffffff 01"));
    refused("dd 007fffff dd 007fffff"); /* each by itself would do */
    refused("c9 ffffffff 01");
    refused("c6 ffffffff");
    CHECK_STR("byte 1: 0xc1 is no msgpack", refused("91 c1"));
}

static const char *nested(size_t depth)
{
    unsigned char bytes[128];

    memset(bytes, 0x91, depth);
    bytes[depth] = 0xc0;
    return decoded_bytes(bytes, depth + 1);
}

TEST(nesting_has_a_bound)
{
    CHECK(nested(32)[0] == '[');
    CHECK_STR("", nested(33));
    CHECK_STR("byte 32: more than 32 levels of lists and maps", cause.message);
    CHECK_STR("", nested(100));
}

TEST(what_json_cannot_say_is_refused)
{
    CHECK_STR("value 1: 9223372036854775808 is more than an int of 64 bits with sign can be",
              refused("91 cf8000000000000000"));
    CHECK_STR("value 1: byte 3: bytes; JSON has none", refused("91 c40100"));
    refused("91 cb7ff8000000000000");
    refused("91 ca7f800000");
    CHECK_STR("value 1: byte 2: a string that is not UTF-8", refused("91 a1ff"));
    refused("81 01 01");           /* a number as a key */
    refused("82 a161 01 a161 02"); /* twice the same */
    CHECK_STR("a key that was there before", refused("82 a0 01 a0 02"));
    refused("91 c400");
    refused("81 a100 01"); /* NUL in a name */
    CHECK_STR("'a': byte 5: 0x00 begins no Value of gertrude", refused("81 a161 d40100"));
}

TEST(random_bytes_never_do_harm)
{
    static const unsigned char likely[] = {0x91, 0x92, 0x81, 0xa1, 0xc7, 0xd4, 0xd5, 0x01,
                                           0xc8, 0xcc, 0xd4, 0xdc, 0xdd, 0xc9, 0x00};
    uint64_t state = test_seed();

    for (int round = 0; round < 200000; round++) {
        size_t size = 1 + test_random(&state) % 24;
        unsigned char *bytes = malloc(size);

        for (size_t i = 0; i < size; i++) {
            uint64_t r = test_random(&state);

            bytes[i] = r & 256 ? (unsigned char)r : likely[(r >> 9) % sizeof(likely)];
        }
        decoded_bytes(bytes, size);
        free(bytes);
    }
}

TEST(rows_in_json)
{
    CHECK_STR("{\"a\":1}", decoded_bytes("{\"a\": 1}", 8));
    CHECK_STR("[1,\"x\"]", decoded_bytes("[1, \"x\"]", 8));
    CHECK_STR("", decoded_bytes("{\"a\": NaN}", 10));
    CHECK_STR("", decoded_bytes("{\"a\":1,\"a\":2}", 13));
    CHECK_STR("", decoded_bytes("[99999999999999999999]", 22));
    CHECK_STR("", decoded_bytes("{\"a\":", 5));
    CHECK(strncmp(cause.message, "byte ", 5) == 0);
    CHECK_STR("", decoded_bytes("", 0));
    CHECK_STR("it is empty", cause.message);
}

/* ---- configs ---- */

static int spec(struct gertrude_table *table, const char *text)
{
    cause = (struct port_error){0};
    *table = (struct gertrude_table){0};
    return aer__port_gertrude_spec(table, text, strlen(text), &cause);
}

static int add_index(struct gertrude_table *table, const char *text)
{
    cause = (struct port_error){0};
    return aer__port_gertrude_index(table, text, strlen(text), &cause);
}

TEST(columns_of_both_layouts)
{
    struct gertrude_table table;

    CHECK_OK(spec(&table, "[[\"name\",\"str\",{\"pk\":true}],[\"age\",\"int\",{}],[\"x\",\"float\"]]"));
    CHECK_INT(3, table.column_count);
    CHECK_STR("name", table.columns[0].name);
    CHECK(table.columns[0].type == AER_STR && table.columns[0].flags == AER_PK);
    CHECK(table.columns[1].type == AER_INT && table.columns[1].flags == 0 && !table.columns[1].default_json);
    CHECK_INT(AER_FLOAT, table.columns[2].type);
    aer__port_gertrude_table_release(&table);

    CHECK_OK(
        spec(&table,
             "{\"id\":1,\"spec\":[[\"a\",\"bool\",{\"pk\":false,\"unique\":true,\"nullable\":false,\"default\":true}],"
             "[\"b\",\"str\",{\"pk\":true,\"unique\":true,\"nullable\":false,\"default\":null}],"
             "[\"c\",\"float\",{\"default\":0.5}],[\"d\",\"str\",{\"default\":\"x\\\"y\"}]]}"));
    CHECK(table.columns[0].type == AER_BOOL && table.columns[0].flags == (AER_UNIQUE | AER_NOTNULL));
    CHECK_STR("true", table.columns[0].default_json);
    CHECK(table.columns[1].flags == AER_PK && !table.columns[1].default_json);
    CHECK_STR("0.5", table.columns[2].default_json);
    CHECK_STR("\"x\\\"y\"", table.columns[3].default_json);
    aer__port_gertrude_table_release(&table);

    CHECK_OK(spec(&table, ""));
    CHECK_INT(0, table.column_count);
    CHECK_RC(AER_CORRUPT, spec(&table, "[[\"name\",\"str\",{\"pk\":true}],[\"age\",\"long\",{}]]"));
    CHECK_STR("column 2: its type is none of str, int, float, bool", cause.message);
    aer__port_gertrude_table_release(&table);
}

TEST(indexes_that_columns_have_anyway_and_others)
{
    struct gertrude_table table;

    CHECK_OK(spec(&table, "[[\"a\",\"str\",{\"pk\":true}],[\"b\",\"int\",{\"unique\":true}],[\"c\",\"int\",{}]]"));
    CHECK_OK(add_index(&table, "{\"name\":\"pk_a\",\"column\":\"a\",\"unique\":true,\"nullable\":false}"));
    CHECK_OK(add_index(&table, "{\"name\":\"unq_b\",\"column\":\"b\",\"unique\":true,\"nullable\":false}"));
    CHECK_OK(add_index(&table, "{\"name\":\"by_b\",\"column\":\"b\",\"unique\":false,\"nullable\":true}"));
    CHECK_OK(add_index(&table, "{\"name\":\"one_c\",\"column\":\"c\",\"unique\":true}"));
    CHECK(table.indexes[0].automatic && table.indexes[1].automatic && !table.indexes[2].automatic &&
          !table.indexes[3].automatic);
    CHECK(table.indexes[2].flags == 0 && table.indexes[3].flags == AER_UNIQUE);
    CHECK_STR("one_c", table.indexes[3].name);
    CHECK_STR("c", table.indexes[3].column);
    CHECK_INT(AER_PK, table.columns[0].flags);
    CHECK_INT(AER_UNIQUE | AER_NOTNULL, table.columns[1].flags); /* the index says so, not the column */
    CHECK_INT(0, table.columns[2].flags);
    CHECK_RC(AER_CORRUPT, add_index(&table, "{\"name\":\"x\",\"column\":\"nix\"}"));
    CHECK_STR("there is no column 'nix' in the table", cause.message);
    aer__port_gertrude_table_release(&table);
}

TEST(only_a_gertrude_conf_of_gertrude_will_do)
{
    static const char good[] = "{\"schema_version\":1,\"gertrude_version\":\"0.0.1\",\"comment\":\"\"}";
    static const char ours[] = "{\"schema_version\":1,\"gertrude_version\":\"aerials 0.1.0\"}";

    CHECK(aer__port_gertrude_conf(good, strlen(good)) == NULL);
    CHECK(aer__port_gertrude_conf(ours, strlen(ours)) != NULL);
    CHECK(aer__port_gertrude_conf("{\"schema_version\":2}", 20) != NULL);
    CHECK(aer__port_gertrude_conf("{}", 2) != NULL);
    CHECK(aer__port_gertrude_conf("[1]", 3) != NULL);
    CHECK(aer__port_gertrude_conf("", 0) != NULL);
}
