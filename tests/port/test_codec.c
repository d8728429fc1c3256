/* test_codec.c -- tests src/port/codec.c: bytes as text and back. */
#include "testing.h"

#include "port/port.h"

#include <stdlib.h>
#include <string.h>

static size_t utf8(const char *bytes)
{
    return aer__port_utf8_length((const unsigned char *)bytes, strlen(bytes));
}

TEST(utf8_takes_what_is_well_formed_and_nothing_else)
{
    CHECK_INT(1, utf8("a"));
    CHECK_INT(2, utf8("\xc2\x80"));
    CHECK_INT(3, utf8("\xe0\xa0\x80"));
    CHECK_INT(3, utf8("\xed\x9f\xbf"));
    CHECK_INT(4, utf8("\xf0\x90\x80\x80"));
    CHECK_INT(4, utf8("\xf4\x8f\xbf\xbf"));
    CHECK_INT(0, utf8("\x80"));     /* nothing to continue */
    CHECK_INT(0, utf8("\xc1\xbf")); /* longer than needed */
    CHECK_INT(0, utf8("\xe0\x9f\xbf"));
    CHECK_INT(0, utf8("\xf0\x8f\xbf\xbf"));
    CHECK_INT(0, utf8("\xed\xa0\x80"));     /* a surrogate */
    CHECK_INT(0, utf8("\xf4\x90\x80\x80")); /* past the last character */
    CHECK_INT(0, utf8("\xe2\x82"));         /* cut short */
    CHECK_INT(0, utf8("\xff"));
    CHECK(aer__port_is_utf8("a\0b", 3));
    CHECK(aer__port_is_utf8("", 0));
    CHECK(!aer__port_is_utf8("a\xff", 2));
}

TEST(base64_gives_the_same_bytes_back_at_every_length)
{
    unsigned char bytes[100];
    char text[200];
    uint64_t state = test_seed();
    void *back;
    size_t size;

    for (size_t n = 0; n <= sizeof(bytes); n++) {
        for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)test_random(&state);
        aer__port_base64(bytes, n, text);
        CHECK_OK(aer__port_base64_decode(text, aer__port_base64_size(n), &back, &size));
        CHECK_MEM(bytes, n, back, size);
        free(back);
    }
    aer__port_base64("any", 3, text);
    CHECK_MEM("YW55", 4, text, 4);
}

TEST(base64_is_strict)
{
    static const char *const bad[] = {
        "A", "AA", "AAA", "AA=A", "=AAA", "A===", "AB==", "AAB=", "AA A", "AA-_", "AAAA=", "AA==AA=="};
    void *back;
    size_t size;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_RC(AER_INVALID, aer__port_base64_decode(bad[i], strlen(bad[i]), &back, &size));
        CHECK(back == NULL && size == 0);
    }
}

/* What a row says, parsed again, is the row. */
static void there_and_back(aer_slice key, aer_slice value, const aer_entry *entry)
{
    json_t *object = aer__port_row(key, value, entry);
    char *text = json_dumps(object, JSON_COMPACT);
    struct port_error error = {0};
    struct port_line line;

    CHECK_OK(aer__port_line_parse(text, strlen(text), PORT_LINE_ROW, &line, &error));
    CHECK_MEM(key.data, key.size, line.key.data, line.key.size);
    CHECK_MEM(value.data, value.size, line.value.data, line.value.size);
    CHECK_INT(entry ? entry->expires_ms : 0, line.attrs.expires_ms);
    CHECK_MEM(entry && entry->meta ? entry->meta : "", entry ? entry->meta_size : 0,
              line.attrs.meta ? line.attrs.meta : "", line.attrs.meta_size);
    aer__port_line_release(&line);
    free(text);
    json_decref(object);
}

TEST(a_row_as_a_line_loses_no_byte)
{
    static const char meta[] = "{\"z\":[1,2.5,null],\"a\":\"\xc3\xbc\"}";
    aer_entry entry = {.meta = meta, .meta_size = sizeof(meta) - 1, .expires_ms = INT64_C(4000000000123)};
    unsigned char bytes[64];
    uint64_t state = test_seed();

    there_and_back((aer_slice){"key", 3}, (aer_slice){"value", 5}, NULL);
    there_and_back((aer_slice){"a\0b", 3}, (aer_slice){"", 0}, &entry);
    there_and_back((aer_slice){"\xff", 1}, (aer_slice){"\0", 1}, &entry);
    for (int round = 0; round < 1000; round++) {
        size_t n = 1 + test_random(&state) % sizeof(bytes);

        for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)(test_random(&state) % (round % 2 ? 256 : 128));
        there_and_back((aer_slice){bytes, n}, (aer_slice){bytes, n / 2}, NULL);
    }
}
