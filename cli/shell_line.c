/* shell_line.c -- split a line of the shell into words: blanks part them, quotes and backslashes keep them together.
 *
 * For: cmd_shell.c. Must not know: verbs. As in sh: '...' takes everything, "..." knows \" and \\, a # at the start of a
 * word begins a comment. Nothing is expanded, so a pattern needs no quotes.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One word from *text on, to TO; returns behind its NUL, NULL if a quote stays open. */
static char *take_word(const char **text, char *to)
{
    const char *p = *text;
    char quote = '\0';

    for (; *p && (quote || !is_blank(*p)); p++) {
        if (quote && *p == quote) quote = '\0';
        else if (!quote && (*p == '\'' || *p == '"')) quote = *p;
        else if (*p == '\\' && quote == '"' && (p[1] == '"' || p[1] == '\\')) *to++ = *++p;
        else if (*p == '\\' && !quote && p[1] && !strchr("*?", p[1])) *to++ = *++p;
        else *to++ = *p;
    }
    *to++ = '\0';
    *text = p;
    return quote ? NULL : to;
}

int shell_line_split(struct shell_line *line, const char *text)
{
    size_t size = strlen(text);
    char *to;

    memset(line, 0, sizeof(*line));
    line->bytes = malloc(size * 2 + 2);
    line->word = calloc(size / 2 + 2, sizeof(*line->word));
    if (!line->bytes || !line->word) return -1;
    to = line->bytes;
    for (;;) {
        while (is_blank(*text)) text++;
        if (*text == '\0' || *text == '#') return 0;
        line->word[line->count++] = to;
        to = take_word(&text, to);
        if (!to) return 1;
    }
}

void shell_line_release(struct shell_line *line)
{
    free(line->bytes);
    free(line->word);
    memset(line, 0, sizeof(*line));
}
