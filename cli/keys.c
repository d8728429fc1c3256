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

const char *key_text(aer_slice key)
{
    static char texts[4][PORT_NAME_SIZE];
    static unsigned turn;

    return aer__port_name(key.data, key.size, texts[turn++ % 4]);
}

int key_print(struct cli *cli, aer_slice key, char end)
{
    const unsigned char *data = key.data;
    size_t left = key.size;
    char text[512];

    if (!isatty(STDOUT_FILENO)) return cli_out(cli, key.data, key.size) || cli_out(cli, &end, 1);
    while (left > 0) {
        size_t taken = aer__port_escape(data, left, text, sizeof(text));

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
