/* keys.c -- keys as operands, on a terminal and in JSON. A key is bytes; only people need it to be text.
 *
 * For: every command with a KEY. Must not know: what is stored under it.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int key_operand(struct cli *cli, const char *text, bool base64, aer_slice *key, void **owned)
{
    size_t size = strlen(text);

    *owned = NULL;
    *key = (aer_slice){text, size};
    if (base64) {
        if (aer__port_base64_decode(text, size, owned, &size) != AER_OK)
            return cli_usage(cli, "'%s' is not base64", key_text(*key));
        *key = (aer_slice){*owned, size};
    }
    if (size == 0) return cli_usage(cli, "a key cannot be empty");
    if (size > AER_KEY_MAX) return cli_usage(cli, "a key of %zu bytes is too long, %d is the most", size, AER_KEY_MAX);
    return 0;
}

/* Escaped, into TO with CAPACITY bytes; returns how much of the key it took. */
static size_t escape(const unsigned char *data, size_t size, char *to, size_t capacity)
{
    size_t i = 0, used = 0;

    while (i < size && used + 5 < capacity) {
        size_t length = aer__port_utf8_length(data + i, size - i);
        bool control = data[i] < 0x20 || data[i] == 0x7f || (length == 2 && data[i] == 0xc2 && data[i + 1] < 0xa0);

        if (length && !control) {
            memcpy(to + used, data + i, length);
            used += length;
            i += length;
        } else if (data[i] == '\n' || data[i] == '\t') {
            to[used++] = '\\';
            to[used++] = data[i++] == '\n' ? 'n' : 't';
        } else {
            used += (size_t)sprintf(to + used, "\\x%02x", data[i++]);
        }
    }
    to[used] = '\0';
    return i;
}

const char *key_text(aer_slice key)
{
    static char texts[4][256];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    size_t taken = escape(key.data, key.size, text, sizeof(texts[0]) - 4);

    if (taken < key.size) memcpy(text + strlen(text), "...", 4);
    return text;
}

int key_print(struct cli *cli, aer_slice key, char end)
{
    const unsigned char *data = key.data;
    size_t left = key.size;
    char text[512];

    if (!isatty(STDOUT_FILENO)) return cli_out(cli, key.data, key.size) || cli_out(cli, &end, 1);
    while (left > 0) {
        size_t taken = escape(data, left, text, sizeof(text));

        if (cli_out(cli, text, strlen(text))) return 1;
        data += taken;
        left -= taken;
    }
    return cli_out(cli, &end, 1);
}

json_t *key_json(aer_slice key)
{
    json_t *object = json_object();

    if (object && aer__port_set_bytes(object, "key", key)) {
        json_decref(object);
        object = NULL;
    }
    return object;
}
